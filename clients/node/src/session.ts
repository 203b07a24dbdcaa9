// A program's session with a host, on one connection: what clients, proxies and a provider have in common.
import type { Socket } from 'node:net';
import { Connection, type Peer } from './connection.js';
import { BadArgumentsError, NoObjectError, type SessionLostError } from './errors.js';
import { Extension, type Handle } from './extensions.js';
import type { Welcome } from './login.js';
import { makeProxy, targetOf, type CallOptions } from './proxy.js';
import { Releases, type Reference } from './releases.js';
import { serving } from './serving.js';
import { Keywords } from './values.js';

// The objects that this program hosts, and what the host asks of them.
export interface Hosting {
  // The handle of an object that is hosted, or is of a hosted class.
  handleOf(value: object): Handle | undefined;
  // These handles were not sent after all.
  takeBack(ids: readonly number[]): void;
  ownOf(id: number): unknown;
  take(msgid: number | undefined, method: string, params: readonly unknown[], failure: Error | undefined): boolean;
  lost(): void;
}

export class Session implements Peer {
  readonly connection: Connection;
  readonly closed: Promise<SessionLostError>;
  welcome!: Welcome;
  hosting: Hosting | undefined;
  onDraining: ((leftMs: number) => void) | undefined;
  readonly #releases: Releases;
  #close!: (why: SessionLostError) => void;

  constructor(socket: Socket, readonly address: string) {
    this.closed = new Promise((resolve) => (this.#close = resolve));
    this.connection = new Connection(socket, this, address);
    this.#releases = new Releases((counts) => this.connection.tell('soho.release', counts));
  }

  // soho.call, of a method of an object that this session has a reference to.
  call(reference: Reference, method: string, args: unknown[], options: CallOptions, where: string): Promise<unknown> {
    if (reference.isReleased) return Promise.reject(new NoObjectError('the proxy was released', { where }));
    const [positional, keywords] = split(args);
    const sent = this.#options(options, keywords, undefined);
    const params: unknown[] = [reference.id, method, positional];
    if (sent !== undefined) params.push(sent);
    return this.request('soho.call', params, options, where);
  }

  create(typeid: string, args: unknown[], options: CallOptions, more?: Record<string, unknown>): Promise<unknown> {
    if (options.oneway === true) return Promise.reject(new TypeError('what is created has a proxy: it cannot be oneway'));
    const [positional, keywords] = split(args);
    const sent = this.#options(options, keywords, more);
    return this.request('soho.create', sent === undefined ? [typeid, positional] : [typeid, positional, sent], options, `${typeid}()`);
  }

  // Any request of the protocol.
  request(method: string, params: readonly unknown[], options: CallOptions, where = method): Promise<unknown> {
    const { signal, timeout } = options;
    if (options.oneway === true) {
      const sent = this.connection.notify(method, params, where);
      sent.catch(() => {}); // who does not wait is not to hear of it
      return sent;
    }
    return this.connection.request(method, params, { where, signal, timeout });
  }

  // What of the options travels.
  #options(options: CallOptions, keywords: Keywords | undefined, more: Record<string, unknown> | undefined): Record<string, unknown> | undefined {
    const served = serving.getStore();
    const isOnBehalf = served !== undefined && served.connection === this.connection && !served.isAnswered;
    const { timeout, owner, trace } = options;
    if (!isOnBehalf && keywords === undefined && more === undefined && timeout === undefined && owner === undefined && trace === undefined) {
      return undefined;
    }
    return { ...more, kw: keywords?.values, timeout_ms: timeout, owner, trace, parent: isOnBehalf ? served.msgid : undefined };
  }

  async release(reference: Reference): Promise<void> {
    if (!this.#releases.forget(reference) || this.connection.lost !== undefined) return;
    try {
      await this.connection.request('soho.release', [[reference.id, 1]], { where: 'soho.release' });
    } catch (error) {
      if (this.connection.lost === undefined) throw error; // else the host has taken it back by itself
    }
  }

  // -- what the connection asks

  handleOf(value: object): Handle | undefined {
    const target = targetOf(value);
    if (target === undefined) return this.hosting?.handleOf(value);
    if (target.reference.isReleased) throw new NoObjectError(`${target.toString()} was released`);
    const other = target.session;
    if (other !== this && other.welcome.instance !== this.welcome.instance) {
      throw new BadArgumentsError(`${target.toString()} is an object of another host`);
    }
    return { extension: Extension.handle, id: target.reference.id, typeid: target.typeid };
  }

  takeBack(ids: readonly number[]): void {
    this.hosting?.takeBack(ids);
  }

  proxyOf(id: number, typeid: string): object {
    return makeProxy(this, this.#releases.introduce(id), typeid);
  }

  ownOf(id: number): unknown {
    return this.hosting?.ownOf(id);
  }

  take(msgid: number | undefined, method: string, params: readonly unknown[], failure: Error | undefined): boolean {
    if (msgid === undefined && method === 'soho.draining') {
      this.onDraining?.(Number(params[0]));
      return true;
    }
    return this.hosting?.take(msgid, method, params, failure) ?? false;
  }

  beforeFlush(): void {
    this.#releases.flush();
  }

  discard(introduced: readonly object[]): void {
    for (const proxy of introduced) this.#releases.release(targetOf(proxy)!.reference);
  }

  lost(why: SessionLostError): void {
    this.hosting?.lost();
    this.#close(why);
  }
}

// Keyword arguments come last.
function split(args: unknown[]): [unknown[], Keywords | undefined] {
  const last = args.length === 0 ? undefined : args[args.length - 1];
  return last instanceof Keywords ? [args.slice(0, -1), last] : [args, undefined];
}
