import { createReadStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Controller, Get, Header, StreamableFile } from '@nestjs/common';

const PAGE = fileURLToPath(new URL('../public/index.html', import.meta.url));

@Controller()
export class PageController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', "default-src 'self' 'unsafe-inline'; img-src data:")
  page(): StreamableFile {
    return new StreamableFile(createReadStream(PAGE));
  }
}
