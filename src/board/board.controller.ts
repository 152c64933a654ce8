import type { IncomingHttpHeaders } from 'node:http';
import {
  Body,
  Controller,
  Get,
  Headers,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
  UseGuards,
  VERSION_NEUTRAL,
  type Type,
} from '@nestjs/common';
import { rawResponse } from '../common/http/raw-response.js';
import { SAFE_HEADERS } from '../common/http/safe-headers.js';
import { sendFile } from '../common/http/sent-file.js';
import type { CheckedBoardOptions } from './board-options.js';
import { BoardRequestError } from './board.errors.js';
import { Board } from './board.js';
import { userOf } from './changes/users.js';
import { answer, expectOwnPage } from './http/answers.js';
import { pageFile } from './http/files.js';
import { RequestValues } from './http/request-values.js';

/**
 * Makes the controller of one board: path and guards are decorators of its class. Nothing of the board is reachable
 * without the guards, not even its style sheet.
 */
export function boardController({ path, guards, user }: CheckedBoardOptions): Type {
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(...guards)
  class BoardController {
    constructor(@Inject(Board) private readonly board: Board) {}

    @Get()
    async page(
      @Query('file') file: string | undefined,
      @Headers() headers: IncomingHttpHeaders,
      @Res() response: unknown,
    ) {
      await sendFile(rawResponse(response), pageFile(file ?? ''), headers);
    }

    @Get('api/events')
    async events(@Res() response: unknown): Promise<void> {
      const raw = rawResponse(response);
      for (const [name, value] of Object.entries(SAFE_HEADERS)) raw.setHeader(name, value);
      try {
        this.board.viewers.add(raw);
      } catch (error) {
        await answer(raw, () => {
          throw error;
        });
      }
    }

    @Get('api/parked')
    parked(@Query() query: unknown, @Res() response: unknown): Promise<void> {
      return answer(rawResponse(response), () => this.board.parked.page(new RequestValues(query).page));
    }

    @Get('api/message')
    message(@Query() query: unknown, @Res() response: unknown): Promise<void> {
      const values = new RequestValues(query);
      return answer(rawResponse(response), () => this.board.parked.message(values.address, values.text('key')));
    }

    @Post('api/:change')
    change(
      @Param('change') change: string,
      @Body() body: unknown,
      @Headers() headers: IncomingHttpHeaders,
      @Req() request: unknown,
      @Res() response: unknown,
    ): Promise<void> {
      return answer(rawResponse(response), async () => {
        expectOwnPage(headers);
        const values = new RequestValues(body);
        const by = await userOf(request, user);
        return this.carryOut(change, values, by);
      });
    }

    @Get(':file')
    async file(@Param('file') file: string, @Headers() headers: IncomingHttpHeaders, @Res() response: unknown) {
      await sendFile(rawResponse(response), pageFile(file), headers);
    }

    private carryOut(change: string, values: RequestValues, by: string): unknown {
      const { changes } = this.board;
      switch (change) {
        case 'pause':
        case 'resume':
        case 'adjust': {
          const command = values.command(change);
          if (!values.everywhere) return changes.carryOut(command, by);
          return changes.carryOutEverywhere(command, by).then((instances) => ({ instances }));
        }
        case 'redrive':
          return changes.redrive({ ...values.address, choice: values.choice, rate: values.rate, by });
        case 'edit':
          return changes.edit(values.address, values.text('key'), values.edit, by);
        case 'stop':
          return changes.stop(values.number('id', { min: 1, max: Number.MAX_SAFE_INTEGER, otherwise: 0 }), by);
        case 'purge':
          return changes.purge(values.address, values.text('confirm'), by).then((deleted) => ({ deleted }));
        default:
          throw new BoardRequestError(404, 'There is no such change.');
      }
    }
  }
  return BoardController;
}
