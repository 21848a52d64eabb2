import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** A mail server on this machine, without TLS, that keeps what it gets in memory (RFC 5321). */
export class Postbox {
  readonly mails: { readonly to: string; readonly text: string }[] = [];

  private constructor(private readonly server: Server) {}

  static async start(port = 0): Promise<Postbox> {
    const server = createServer();
    const box = new Postbox(server);
    server.on('connection', (socket) => box.#serve(socket));
    await once(server.listen(port, '127.0.0.1'), 'listening');
    return box;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  to(address: string): readonly string[] {
    return this.mails.filter(({ to }) => to === address).map(({ text }) => text);
  }

  /** Tokens of the links that went to the address, the latest last. */
  tokens(address: string): readonly string[] {
    return this.to(address).flatMap((text) => /#([A-Za-z0-9_-]{43})/.exec(text)?.[1] ?? []);
  }

  async stop(): Promise<void> {
    await new Promise<void>((done) => this.server.close(() => done()));
  }

  #serve(socket: Socket): void {
    let [waiting, to, isData] = ['', '', false];
    const say = (line: string): boolean => socket.write(`${line}\r\n`);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      waiting += bytes.toString('latin1');
      for (let end = waiting.indexOf(isData ? '\r\n.\r\n' : '\r\n'); end >= 0; end = waiting.indexOf(isData ? '\r\n.\r\n' : '\r\n')) {
        const line = waiting.slice(0, end);
        waiting = waiting.slice(end + (isData ? 5 : 2));
        if (isData) this.mails.push({ to, text: unfolded(line) });
        else to = /^RCPT TO:<([^>]+)>/i.exec(line)?.[1] ?? to;
        isData = !isData && /^DATA$/i.test(line);
        say(isData ? '354 go on' : /^QUIT/i.test(line) ? '221 bye' : '250 ok');
      }
    });
    say('220 postbox');
  }
}

/** Quoted-printable (RFC 2045 §6.7), as far as ASCII goes. */
const unfolded = (text: string): string => text.replaceAll('=\r\n', '').replaceAll('=3D', '=');
