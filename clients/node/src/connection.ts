// A connection to a host: requests out, replies to those who wait for them, and what the host asks of a provider.
import type { Socket } from 'node:net';
import { onAbort } from './aborts.js';
import {
  CancelledError, DeadlineError, InternalError, OverloadedError, ProtocolError, SessionLostError, SohoError, errorFromReply,
} from './errors.js';
import type { Home } from './extensions.js';
import { FrameReader } from './frames.js';
import { Outbox } from './outbox.js';
import { Packer } from './packer.js';
import { Unpacker } from './unpacker.js';

// Before a host has said its limits, and what its frames have besides a value of that size.
const GREETING_BYTES_MAX = 1 << 20;
const FRAME_BYTES = 64 << 10;
// A host takes 64 for a value; a frame is around it.
const DEPTH_MAX = 66;
const ITEMS_MAX = 64 << 20;
// A program that begins more than it waits for is told so.
const UNSENT_BYTES_MAX = 256 << 20;
// How long a host that is to keep a deadline is waited for beyond it, in milliseconds.
const GRACE = 1000;
const KEPT_BY_HOST = new Set(['soho.call', 'soho.create']);

// Who takes what a host sends besides replies.
export interface Peer extends Home {
  // A request, or a notification, whose msgid is undefined. False where it is none that this side knows.
  take(msgid: number | undefined, method: string, params: readonly unknown[], failure: Error | undefined): boolean;
  // What is added to the next write.
  beforeFlush(): void;
  // A result came that nobody waits for any more.
  discard(introduced: readonly object[]): void;
  lost(why: SessionLostError): void;
}

export interface RequestOptions {
  // What was called, for errors.
  where: string;
  signal?: AbortSignal | undefined;
  // In milliseconds. A call's is the host's to keep; where it does not, this side does, a little later.
  timeout?: number | undefined;
}

interface Pending {
  where: string;
  resolve(result: unknown): void;
  reject(error: unknown): void;
  // Takes back what was prepared for a time-out or a cancellation.
  settle: (() => void) | undefined;
  isAbandoned: boolean;
}

export class Connection {
  // Why it is of no more use.
  lost: SessionLostError | undefined;
  readonly packer: Packer;
  readonly #unpacker: Unpacker;
  readonly #reader = new FrameReader({ bytes: GREETING_BYTES_MAX, depth: DEPTH_MAX, items: ITEMS_MAX });
  readonly #outbox: Outbox;
  readonly #pending = new Map<number, Pending>();
  readonly #take = (frame: Uint8Array, isUnusual: boolean): void => this.#takeFrame(frame, isUnusual);
  #msgid = 0;

  constructor(private readonly socket: Socket, private readonly peer: Peer, readonly address: string) {
    this.packer = new Packer(peer);
    this.#unpacker = new Unpacker(peer);
    this.#outbox = new Outbox(socket, () => peer.beforeFlush());
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.#lose('the host has closed the connection'));
    socket.on('error', (error) => this.#lose(error.message));
    socket.on('close', () => this.#lose('the connection has ended'));
  }

  // From the host's hello on.
  adopt(limits: Record<string, number>): void {
    const { packer } = this;
    for (const name of ['frame_bytes', 'depth', 'items'] as const) {
      const limit = limits[name];
      if (typeof limit === 'number' && limit > 0) packer.limits[name] = limit;
    }
    this.#reader.limits = { ...this.#reader.limits, bytes: packer.limits.frame_bytes + FRAME_BYTES };
  }

  request(method: string, params: readonly unknown[], options: RequestOptions): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { where, signal, timeout } = options;
      if (signal?.aborted) return reject(signal.reason);
      const msgid = this.#nextMsgid();
      this.#send([0, msgid, method, params], where);
      const pending: Pending = { where, resolve, reject, settle: undefined, isAbandoned: false };
      this.#pending.set(msgid, pending);
      if (signal === undefined && timeout === undefined) return;
      this.#watch(msgid, pending, signal, timeout === undefined || !KEPT_BY_HOST.has(method) ? timeout : timeout + GRACE);
    });
  }

  // A notification; the promise is for the time when the system has taken it.
  async notify(method: string, params: readonly unknown[], where = method): Promise<void> {
    this.#send([2, method, params], where);
    await this.#outbox.drained();
  }

  // The same without waiting: nothing where there is no connection any more.
  tell(method: string, params: readonly unknown[]): void {
    if (this.lost === undefined) this.#outbox.add(this.packer.pack([2, method, params]));
  }

  // Throws where the reply cannot be sent as it is.
  reply(msgid: number, error: unknown, result: unknown): void {
    if (this.lost === undefined) this.#outbox.add(this.packer.pack([1, msgid, error, result]));
  }

  // Ends it, when all that was to be sent has been.
  close(): void {
    if (this.lost !== undefined) return;
    this.#outbox.flush(true);
    this.#lose('this client was closed');
  }

  ref(): void {
    this.socket.ref();
  }

  unref(): void {
    this.socket.unref();
  }

  #send(frame: readonly unknown[], where: string): void {
    if (this.lost !== undefined) {
      throw new SessionLostError(`${this.lost.text}, and the objects of this session with it`, { where, cause: this.lost });
    }
    if (this.#outbox.unsentBytes > UNSENT_BYTES_MAX) {
      throw new OverloadedError(`more than ${UNSENT_BYTES_MAX} bytes of requests wait for the host to read them`, { where });
    }
    try {
      this.#outbox.add(this.packer.pack(frame));
    } catch (error) {
      throw located(error, where);
    }
  }

  #nextMsgid(): number {
    do {
      this.#msgid = (this.#msgid + 1) >>> 0;
    } while (this.#pending.has(this.#msgid));
    return this.#msgid;
  }

  #watch(msgid: number, pending: Pending, signal: AbortSignal | undefined, timeout: number | undefined): void {
    const giveUp = (error: unknown): void => {
      pending.settle?.();
      pending.isAbandoned = true; // its reply is still awaited, and its handles given back
      pending.reject(error);
      this.tell('soho.cancel', [msgid]);
    };
    const abort = (): void => giveUp(signal?.reason ?? new CancelledError('aborted', { where: pending.where }));
    const timer = timeout === undefined ? undefined : setTimeout(() => {
      giveUp(new DeadlineError('the host has not answered in time; the call may have run', { where: pending.where }));
    }, Math.min(timeout, 2 ** 31 - 1));
    const forget = signal && onAbort(signal, abort);
    pending.settle = () => {
      clearTimeout(timer);
      forget?.();
    };
  }

  #receive(chunk: Buffer): void {
    try {
      this.#reader.push(chunk, this.#take);
    } catch (error) {
      this.#lose(error instanceof SohoError ? error.text : `what the host has sent cannot be read: ${(error as Error).message}`);
    }
  }

  #takeFrame(frame: Uint8Array, isUnusual: boolean): void {
    if (this.lost !== undefined) return;
    const message = this.#unpacker.unpack(frame, isUnusual);
    if (!Array.isArray(message)) throw new ProtocolError('the host has sent what is no message');
    const { failure, introduced } = this.#unpacker.taken();
    const [kind, second, third, fourth] = message as unknown[];
    if (kind === 1 && message.length === 4 && isMsgid(second)) return this.#settle(second, third, fourth, failure, introduced);
    const isRequest = kind === 0 && message.length === 4 && isMsgid(second);
    const isNotification = kind === 2 && message.length === 3;
    const [method, params] = isRequest ? [third, fourth] : [second, third];
    if ((isRequest || isNotification) && typeof method === 'string' && (Array.isArray(params) || params === null)) {
      if (this.peer.take(isRequest ? second : undefined, method, params ?? [], failure)) return;
    }
    throw new ProtocolError('the host has sent what is no reply, and nothing that this client has asked for');
  }

  #settle(msgid: number, error: unknown, result: unknown, failure: Error | undefined, introduced: object[]): void {
    const pending = this.#pending.get(msgid);
    if (pending === undefined) return; // nobody asked: not ours to judge
    this.#pending.delete(msgid);
    if (pending.isAbandoned) return this.peer.discard(introduced);
    pending.settle?.();
    const { where } = pending;
    if (error !== null) {
      pending.reject(errorFromReply(error, where));
    } else if (failure !== undefined) {
      this.peer.discard(introduced);
      pending.reject(new InternalError(`the result cannot be read: ${failure.message}`, { where, cause: failure }));
    } else {
      pending.resolve(result);
    }
  }

  #lose(why: string): void {
    if (this.lost !== undefined) return;
    this.lost = new SessionLostError(`the connection to the host at ${this.address} is lost: ${why}`);
    this.socket.destroySoon();
    this.#outbox.drop();
    for (const pending of this.#pending.values()) {
      pending.settle?.();
      if (pending.isAbandoned) continue;
      pending.reject(new SessionLostError(`${this.lost.text}; the call may have run`, { where: pending.where, cause: this.lost }));
    }
    this.#pending.clear();
    this.peer.lost(this.lost);
  }
}

function isMsgid(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff;
}

// The packer does not know what was called.
function located(error: unknown, where: string): unknown {
  if (!(error instanceof SohoError) || error.where !== undefined) return error;
  const Same = error.constructor as new (text: string, details: { where: string }) => SohoError;
  return new Same(error.text, { where });
}
