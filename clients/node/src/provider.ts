// Objects of this program for a host's clients: it offers types, and runs the calls that the host sends for them.
import { BadArgumentsError, NoMethodError, NoObjectError, NoTypeError } from './errors.js';
import { Extension, type Handle } from './extensions.js';
import { HostedType, own, type Offer } from './hosted.js';
import { HostedObjects, type HostedObject } from './objects.js';
import { targetOf } from './proxy.js';
import { errorFor, resultError, shortened, type ReplyError } from './raised.js';
import { ServedCall, serving } from './serving.js';
import type { Hosting, Session } from './session.js';

export type { MethodOffer, Offer, Parameter } from './hosted.js';

export interface OfferOptions {
  /** Of the provider, as the host lists it among its plugins; the first typeid if nothing is said. */
  name?: string;
  version?: string;
}

// An object of the provider's own, and what it is sent as.
class Own {
  constructor(readonly thing: object, readonly type: HostedType) {}
}

export class Provider implements Hosting {
  readonly #types = new Map<string, HostedType>();
  readonly #objects = new HostedObjects((object) => this.#destroy(object));
  readonly #served = new Map<number, ServedCall>();
  readonly #deliveries = new Map<number, (isDelivered: boolean) => void>();
  readonly #sessionEnds = new Map<number, (() => void)[]>();

  private constructor(private readonly session: Session, offers: readonly Offer[]) {
    for (const offer of offers) {
      if (this.#types.has(offer.typeid)) throw new TypeError(`the type ${offer.typeid} is offered twice`);
      this.#types.set(offer.typeid, new HostedType(offer));
    }
    for (const { typeid, methodToTypeid = {} } of offers) {
      for (const [method, other] of Object.entries(methodToTypeid)) {
        if (!this.#types.has(other)) throw new TypeError(`${typeid}.${method} gives objects of the type ${other}, which is not offered with it`);
      }
    }
  }

  /** @internal */
  static async start(session: Session, offers: readonly Offer[], { name, version }: OfferOptions): Promise<Provider> {
    if (session.hosting !== undefined) throw new TypeError('this client has made its offer: a connection offers once, all its types together');
    const provider = new Provider(session, offers);
    session.hosting = provider;
    const types = [...provider.#types.values()].map((type) => type.description());
    const offer = { name: name ?? `node.${(offers[0]?.typeid ?? 'nothing').replace(/[^A-Za-z0-9_.]/g, '_')}`, version, types };
    try {
      await session.request('soho.offer', [offer], {});
    } catch (error) {
      session.hosting = undefined;
      throw error;
    }
    return provider;
  }

  /** The types are gone, and no more objects are made; those that are stay served while the client is connected. */
  async withdraw(): Promise<void> {
    await this.session.request('soho.withdraw', [], {});
  }

  /** How many objects the host has handles of. */
  get size(): number {
    return this.#objects.size;
  }

  /** What an object holds, in bytes: it counts as what plugins say of theirs, and is shown. */
  charge(object: object, bytes: number): void {
    const held = this.#objects.find(object);
    if (held !== undefined) this.session.connection.tell('soho.charge', [[[held.id, bytes]]]);
  }

  /** Resolves when that session (see currentCall()) has ended. */
  sessionEnd(session: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.session.connection.lost !== undefined) return resolve();
      const waiting = this.#sessionEnds.get(session);
      if (waiting !== undefined) return void waiting.push(resolve);
      this.#sessionEnds.set(session, [resolve]);
      this.session.connection.tell('soho.watch_session', [session]);
    });
  }

  // -- what the session asks

  handleOf(value: object): Handle | undefined {
    const found = value instanceof Own ? value : this.#find(value);
    if (found === undefined) return undefined;
    const { id } = this.#objects.introduce(found.thing, found.type);
    return { extension: Extension.own, id, typeid: found.type.typeid };
  }

  // An object that the host has already, or of a class whose objects are hosted.
  #find(thing: object): Own | undefined {
    const type = this.#objects.find(thing)?.type ?? [...this.#types.values()].find((each) => each.isOf(thing));
    return type && new Own(thing, type);
  }

  takeBack(ids: readonly number[]): void {
    for (const id of ids) this.#objects.giveBack(id, 1);
  }

  ownOf(id: number): unknown {
    return this.#known(id).thing;
  }

  take(msgid: number | undefined, method: string, params: readonly unknown[], failure: Error | undefined): boolean {
    if (msgid === undefined) return this.#notice(method, params);
    void this.#serve(msgid, method, params, failure);
    return true;
  }

  lost(): void {
    for (const call of this.#served.values()) call.cancel();
    for (const resolve of this.#deliveries.values()) resolve(false);
    this.#deliveries.clear();
    for (const waiting of this.#sessionEnds.values()) waiting.forEach((resolve) => resolve());
    this.#sessionEnds.clear();
    this.#objects.clear();
  }

  // -- requests

  async #serve(msgid: number, method: string, params: readonly unknown[], failure: Error | undefined): Promise<void> {
    const options = params[method === 'soho.call' ? 3 : 2];
    const call = new ServedCall(this.session.connection, msgid, isRecord(options) ? options : {}, (id) => this.#watchDelivery(id));
    this.#served.set(msgid, call);
    let result: unknown;
    let error: ReplyError | null = null;
    try {
      if (failure !== undefined) throw new BadArgumentsError(`an argument cannot be read: ${failure.message}`);
      result = await serving.run(call, () => this.#perform(method, params));
    } catch (thrown) {
      error = errorFor(thrown);
    }
    call.isAnswered = true;
    this.#served.delete(msgid);
    this.#reply(msgid, error, result);
  }

  #perform(method: string, params: readonly unknown[]): unknown {
    const [target, second, third, fourth] = params;
    switch (method) {
      case 'soho.call': return this.#call(this.#known(Number(target)), String(second), withKeywords(third, fourth));
      case 'soho.create': return this.#create(String(target), withKeywords(second, third));
      case 'soho.ping': return null;
      default: throw new NoMethodError(`a provider has no ${method}`);
    }
  }

  async #create(typeid: string, args: unknown[]): Promise<Own> {
    const type = this.#types.get(typeid);
    if (type === undefined) throw new NoTypeError(`no type "${typeid}" in this provider`);
    return this.#own(await type.make(args), type);
  }

  #call({ thing, type }: HostedObject, method: string, args: unknown[]): unknown {
    if (!type.exposes(thing, method)) throw new NoMethodError(`no method "${method}" on ${type.typeid}`);
    const found: unknown = Reflect.get(thing, method);
    if (typeof found !== 'function') throw new NoMethodError(`${type.typeid}.${method} is exposed, and this object has no such method`);
    const result: unknown = found.apply(thing, args);
    const mapped = own(type.offer.methodToTypeid, method);
    return mapped === undefined ? result : this.#mapped(result, this.#types.get(mapped)!);
  }

  async #mapped(result: unknown, type: HostedType): Promise<Own | null> {
    const settled = await result;
    return settled === null || settled === undefined ? null : this.#own(await type.adopt(settled), type);
  }

  #own(thing: unknown, type: HostedType): Own {
    if ((typeof thing !== 'object' && typeof thing !== 'function') || thing === null) {
      throw new TypeError(`what stands for a ${type.typeid} must be an object, and this is ${thing === null ? 'null' : `a ${typeof thing}`}`);
    }
    if (targetOf(thing) !== undefined) throw new TypeError(`what stands for a ${type.typeid} must be an object of this program, and this is a proxy`);
    return new Own(thing, type);
  }

  #known(id: number): HostedObject {
    const held = this.#objects.get(id);
    if (held === undefined) throw new NoObjectError(`this provider has no object ${id}`);
    return held;
  }

  // One reply in any case.
  #reply(msgid: number, error: ReplyError | null, result: unknown): void {
    const { connection } = this.session;
    try {
      connection.reply(msgid, error, error === null ? result ?? null : null);
    } catch (thrown) {
      connection.reply(msgid, error === null ? resultError(thrown) : shortened(error, thrown), null);
    }
  }

  // -- notifications

  // False for one that is none of a provider's.
  #notice(method: string, params: readonly unknown[]): boolean {
    switch (method) {
      case 'soho.cancel': this.#served.get(Number(params[0]))?.cancel(); return true;
      case 'soho.release': this.#release(params); return true;
      case 'soho.delivered': this.#delivered(Number(params[0]), true); return true;
      case 'soho.discarded': this.#delivered(Number(params[0]), false); return true;
      case 'soho.session_end': this.#sessionEnded(Number(params[0])); return true;
      default: return false;
    }
  }

  #release(counts: readonly unknown[]): void {
    for (const pair of counts) {
      if (Array.isArray(pair)) this.#objects.giveBack(Number(pair[0]), Number(pair[1]));
    }
  }

  #watchDelivery(msgid: number): Promise<boolean> {
    this.session.connection.tell('soho.notice', [msgid]);
    return new Promise((resolve) => this.#deliveries.set(msgid, resolve));
  }

  #delivered(msgid: number, isDelivered: boolean): void {
    this.#deliveries.get(msgid)?.(isDelivered);
    this.#deliveries.delete(msgid);
  }

  #sessionEnded(session: number): void {
    const waiting = this.#sessionEnds.get(session) ?? [];
    this.#sessionEnds.delete(session);
    for (const resolve of waiting) resolve();
  }

  // Whatever it does is its own affair: nobody waits for it.
  #destroy({ thing, type }: HostedObject): void {
    if (type.offer.destroy === undefined) return;
    void (async () => type.offer.destroy!(thing))().catch((error: unknown) => {
      process.emitWarning(`destroying a ${type.typeid} failed: ${String(error)}`, 'SohoWarning');
    });
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// The host has put every argument in its place; further keywords, where a method takes them, come as an object, last.
function withKeywords(args: unknown, options: unknown): unknown[] {
  const positional = Array.isArray(args) ? (args as unknown[]) : [];
  const keywords = isRecord(options) ? options['kw'] : undefined;
  return isRecord(keywords) ? [...positional, keywords] : positional;
}
