import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { LoadGenerator } from "./load-generator.ts";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(answer: RequestListener): Promise<number> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function load(port: number, until: (generator: LoadGenerator) => boolean) {
  const generator = new LoadGenerator({ ports: [port], perSecond: 500, expectedBody: "api" });
  generator.start();
  for (let tries = 0; tries < 1000 && !until(generator); tries++) await pause(10);
  return await generator.stop();
}

test("right answers count, half of them on connections of their own", async () => {
  let connections = 0;
  const port = await serve((_request, response) => response.end("api"));
  server?.on("connection", () => connections++);
  const count = await load(port, (generator) => generator.count().total >= 100);
  expect(count.failed).toBe(0);
  expect(count.total).toBeGreaterThanOrEqual(100);
  expect(connections).toBeGreaterThanOrEqual(count.total / 2);
});

test("a wrong status, a wrong body and a torn connection are failures, each told", async () => {
  let asked = 0;
  const port = await serve((request, response) => {
    asked += 1;
    if (asked % 3 === 0) response.writeHead(503).end("no upstream");
    else if (asked % 3 === 1) response.end("somebody else");
    else request.socket.destroy();
  });
  const count = await load(port, (generator) => generator.count().total >= 30);
  expect(count.failed).toBe(count.total);
  expect(count.failures.join("\n")).toMatch(/HTTP 503: no upstream[\s\S]*|HTTP 200: somebody else[\s\S]*/);
});

test("nobody there: every request fails, and stop still ends", async () => {
  const port = await serve(() => undefined);
  await new Promise((resolve) => server?.close(resolve));
  const count = await load(port, (generator) => generator.count().total >= 10);
  expect(count.failed).toBe(count.total);
});
