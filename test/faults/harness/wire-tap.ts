import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * A moment in what a process says to a server, recognised by bytes on the wire. The process under test runs unchanged:
 * it only connects through this tap.
 */
export interface Moment {
  /** Texts that the process sends on one connection, one after the other; the last one is the moment. */
  readonly said: readonly string[];
  /** `before`: the server does not get the last text. `answered`: the server got it and its answer is held back. */
  readonly at: 'before' | 'answered';
  /** Called once, while the connection stands still. */
  readonly then: () => void | Promise<void>;
  /** `cut` ends the connection afterwards; `deliver` lets go what was held back. */
  readonly after: 'cut' | 'deliver';
}

export interface WireTap {
  readonly port: number;
  /** Waits for the moment; resolves when `then` has run. One moment at a time. */
  arm(moment: Moment): Promise<void>;
  close(): Promise<void>;
}

interface Armed extends Moment {
  done: () => void;
  failed: (error: unknown) => void;
}

/** Longest text that may be split over two chunks. */
const OVERLAP_BYTES = 256;

/** Listens on a free port of 127.0.0.1 and passes everything on to `portOf()`. */
export async function startWireTap(portOf: () => number): Promise<WireTap> {
  const wires = new Set<Wire>();
  const state: { armed: Armed | undefined } = { armed: undefined };
  const server: Server = createServer({ allowHalfOpen: false }, (client) => {
    const wire = new Wire(client, connect({ port: portOf(), host: '127.0.0.1' }), state, () => wires.delete(wire));
    wires.add(wire);
  });
  await new Promise<void>((done, fail) => server.once('error', fail).listen(0, '127.0.0.1', done));
  return {
    port: (server.address() as AddressInfo).port,
    arm: (moment) =>
      new Promise<void>((done, failed) => {
        state.armed = { ...moment, done, failed };
        for (const wire of wires) wire.forget();
      }),
    async close() {
      for (const wire of [...wires]) wire.cut();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
}

class Wire {
  #seen = 0;
  #tail = '';
  #holding: 'nothing' | 'everything' | 'answers' = 'nothing';
  #heldForServer: Buffer[] = [];
  #heldForClient: Buffer[] = [];

  constructor(
    readonly client: Socket,
    readonly server: Socket,
    readonly state: { armed: Armed | undefined },
    readonly gone: () => void,
  ) {
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.cut());
      socket.on('close', () => this.cut());
    }
    client.on('data', (bytes) => this.#fromClient(bytes));
    server.on('data', (bytes) => this.#fromServer(bytes));
  }

  forget(): void {
    this.#seen = 0;
    this.#tail = '';
  }

  cut(): void {
    this.client.destroy();
    this.server.destroy();
    this.gone();
  }

  #fromClient(bytes: Buffer): void {
    if (this.#holding !== 'nothing') {
      this.#heldForServer.push(bytes);
      return;
    }
    const { armed } = this.state;
    const at = armed === undefined ? undefined : this.#find(bytes, armed);
    if (armed === undefined || at === undefined) {
      this.server.write(bytes);
      return;
    }
    this.state.armed = undefined;
    if (armed.at === 'before') {
      this.#holding = 'everything';
      if (at > 0) this.server.write(bytes.subarray(0, at));
      this.#heldForServer.push(bytes.subarray(at));
      this.#reach(armed);
    } else {
      this.#holding = 'answers';
      this.#onAnswer = () => this.#reach(armed);
      this.server.write(bytes);
    }
  }

  #onAnswer: () => void = () => undefined;

  #fromServer(bytes: Buffer): void {
    if (this.#holding === 'nothing') {
      this.client.write(bytes);
      return;
    }
    this.#heldForClient.push(bytes);
    const onAnswer = this.#onAnswer;
    this.#onAnswer = () => undefined;
    onAnswer();
  }

  #reach(armed: Armed): void {
    Promise.resolve()
      .then(() => armed.then())
      .then(() => (armed.after === 'cut' ? this.cut() : this.#letGo()))
      .then(armed.done, armed.failed);
  }

  #letGo(): void {
    this.#holding = 'nothing';
    for (const bytes of this.#heldForServer.splice(0)) this.server.write(bytes);
    for (const bytes of this.#heldForClient.splice(0)) this.client.write(bytes);
  }

  /** Offset in `bytes` of the moment's last text, once all texts were seen on this connection. */
  #find(bytes: Buffer, { said }: Armed): number | undefined {
    const text = this.#tail + bytes.toString('latin1');
    const tailLength = this.#tail.length;
    let from = 0;
    while (this.#seen < said.length) {
      const word = said[this.#seen] as string;
      const at = text.indexOf(word, from);
      if (at < 0) break;
      this.#seen += 1;
      from = at + word.length;
      if (this.#seen === said.length) return Math.max(0, at - tailLength);
    }
    this.#tail = text.slice(Math.max(from, text.length - OVERLAP_BYTES));
    return undefined;
  }
}
