import "reflect-metadata";
import { AmqpConnection } from "@golevelup/nestjs-rabbitmq";
import { Test } from "@nestjs/testing";
import { CacheListener } from "../src/cache.listener";
import { MailListener } from "../src/mail.listener";
import { NotificationsModule } from "../src/notifications.module";

let app;
let amqp: AmqpConnection;
beforeAll(async () => {
  app = (await Test.createTestingModule({ imports: [NotificationsModule] }).compile()).createNestApplication();
  await app.init();
  amqp = app.get(AmqpConnection);
});
afterAll(() => app.close());

it("sends mail", async () => {
  await amqp.publish("notify", "mail.welcome", { to: "ada", retries: "3" }, { headers: { "x-tenant": "acme" } });
  await eventually(() => expect(app.get(MailListener).sent).toEqual(["acme:ada:3:mail.welcome:true"]));
});

it("invalidates caches", async () => {
  await amqp.publish("cache", "", { key: "users" }, { headers: { "x-tenant": "acme" } });
  await eventually(() => expect(app.get(CacheListener).invalidated).toEqual(["users acme"]));
});
