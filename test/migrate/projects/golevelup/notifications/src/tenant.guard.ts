import { isRabbitContext } from "@golevelup/nestjs-rabbitmq";
import { CanActivate, ExecutionContext, Injectable } from "@nestjs/common";

@Injectable()
export class TenantGuard implements CanActivate {
  seen = 0;

  canActivate(context: ExecutionContext): boolean {
    if (!isRabbitContext(context)) return false;
    this.seen++;
    return true;
  }
}
