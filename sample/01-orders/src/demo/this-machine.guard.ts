import type { IncomingMessage } from 'node:http';
import { ForbiddenException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';

const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

/** Lets requests of this machine pass. A real application asks who the user is, and whether he is an operator. */
@Injectable()
export class ThisMachineGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { socket } = context.switchToHttp().getRequest<IncomingMessage>();
    if (LOOPBACK.test(socket.remoteAddress ?? '')) return true;
    throw new ForbiddenException('The board of this sample answers requests of its own machine only.');
  }
}
