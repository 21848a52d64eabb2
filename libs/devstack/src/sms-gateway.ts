import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export const SMS_KEY = 'the key of the gateway';

/** The operator's program: takes messages whose signature is right, or is away. */
export class SmsGateway {
  readonly messages: { readonly id: string; readonly to: string; readonly text: string }[] = [];
  readonly forged: string[] = [];
  isAway = false;

  private constructor(private readonly server: Server) {
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (this.isAway) return void response.writeHead(503).end();
        const body = Buffer.concat(chunks).toString('utf8');
        const [, seconds, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(request.headers['countersign-signature'])) ?? [];
        const isRight = signature === createHmac('sha256', SMS_KEY).update(`${seconds}.${body}`).digest('hex');
        if (isRight) this.messages.push(JSON.parse(body) as SmsGateway['messages'][number]);
        else this.forged.push(body);
        response.writeHead(isRight ? 202 : 401).end();
      });
    });
  }

  static async start(): Promise<SmsGateway> {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    return new SmsGateway(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/sms`;
  }

  /** Of the latest message to the number. */
  code(to: string): string {
    return /^\d{6}/.exec(this.messages.filter((message) => message.to === to).at(-1)?.text ?? '')?.[0] ?? 'none';
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}
