// Proxies: what stands for an object of a host, and calls its methods.
import { inspect } from 'node:util';
import { FailedError } from './errors.js';
import type { Reference } from './releases.js';
import type { Session } from './session.js';
import type { Keywords } from './values.js';

export interface CallOptions {
  /** Milliseconds until the call fails with DeadlineError; it may have run. There is no default. */
  timeout?: number | undefined;
  /** Aborting it cancels the call in the host, and rejects with the signal's reason at once. The method may have run. */
  signal?: AbortSignal | undefined;
  /** Tells the parts of one program apart where something belongs to an owner, such as an RLock. */
  owner?: string | undefined;
  /** Appears in the host's log, and in errors. */
  trace?: string | undefined;
  /** Nobody waits for the result: the promise is for the time when the call is on its way. Errors are the host's to count and to log. */
  oneway?: boolean | undefined;
}

type Method = (...args: any[]) => unknown;
// Keywords stand for any of them.
type Arguments<A extends unknown[]> = A | [...any[], Keywords];

/** What every proxy is, whatever its methods: `proxy instanceof RemoteObject`. */
export abstract class RemoteObject {
  declare private readonly __remote: true;
}

/** The proxy of an object with the methods of T: each returns a promise. For `any`, all methods. */
export type Remote<T> = 0 extends 1 & T ? any : RemoteObject & AsyncDisposable & {
  readonly [K in keyof T as T[K] extends Method ? K : never]:
    T[K] extends (...args: infer A) => infer R ? (...args: Arguments<A>) => Promise<Awaited<R>> : never;
};

class Target {
  readonly methods = new Map<string, Method>();

  constructor(
    readonly session: Session,
    readonly reference: Reference,
    readonly typeid: string,
    readonly options: CallOptions,
  ) {}

  method(name: string): Method {
    let method = this.methods.get(name);
    if (method === undefined) {
      const where = `${this.typeid}.${name}()`;
      method = (...args: unknown[]) => this.session.call(this.reference, name, args, this.options, where);
      this.methods.set(name, method);
    }
    return method;
  }

  toString(): string {
    return `<${this.typeid} ${this.reference.id} at ${this.session.address}>`;
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

const targets = new WeakMap<object, Target>();

// What JavaScript itself asks of any object: `await` of a proxy calls nothing. call() reaches methods with these names.
const LOCAL: Record<string, (target: Target) => unknown> = {
  then: () => undefined,
  toJSON: () => undefined,
  constructor: () => RemoteObject,
  toString: (target: Target) => () => target.toString(),
  toLocaleString: (target: Target) => () => target.toString(),
  valueOf: (target: Target) => () => target.toString(),
};

function local(target: Target, name: symbol): unknown {
  if (name === Symbol.asyncIterator) return () => items(target);
  if (name === Symbol.toPrimitive) return () => target.toString();
  if (name === Symbol.toStringTag) return target.typeid;
  if (name === Symbol.asyncDispose) return () => target.session.release(target.reference);
  return undefined;
}

function refuseChange(target: Target): never {
  throw new TypeError(`${target.toString()} is remote: it has methods, and nothing can be assigned to it or taken from it`);
}

const handler: ProxyHandler<Target> = {
  get: (target, name) => {
    if (typeof name === 'symbol') return local(target, name);
    return Object.hasOwn(LOCAL, name) ? LOCAL[name]!(target) : target.method(name);
  },
  has: (_, name) => name !== 'then' && name !== 'toJSON' && typeof name === 'string',
  getPrototypeOf: () => RemoteObject.prototype,
  ownKeys: () => [],
  getOwnPropertyDescriptor: () => undefined,
  set: refuseChange,
  defineProperty: refuseChange,
  deleteProperty: refuseChange,
  setPrototypeOf: refuseChange,
};

export function makeProxy(session: Session, reference: Reference, typeid: string, options: CallOptions = {}): object {
  const target = new Target(session, reference, typeid, options);
  const proxy = new Proxy(target, handler);
  targets.set(proxy, target);
  return proxy;
}

export function targetOf(value: object): Target | undefined {
  return targets.get(value);
}

function known(proxy: object): Target {
  const target = targets.get(proxy);
  if (target === undefined) throw new TypeError('this is no proxy of an object in a host');
  return target;
}

/** The same object, whose calls have options: `withOptions(cache, { timeout: 50 }).get('key')`. */
export function withOptions<P extends object>(proxy: P, options: CallOptions): P {
  const { session, reference, typeid, options: earlier } = known(proxy);
  return makeProxy(session, reference, typeid, { ...earlier, ...checked(options) }) as P;
}

/** Calls any method by its name, also one that JavaScript has its own idea of, such as "then". */
export function call(proxy: object, method: string, ...args: unknown[]): Promise<unknown> {
  return known(proxy).method(method)(...args) as Promise<unknown>;
}

/** Gives the object back: the host may destroy it when nobody else has it. Lost proxies are given back by the garbage collector, some time. */
export async function release(proxy: object): Promise<void> {
  const { session, reference } = known(proxy);
  await session.release(reference);
}

/** Which object it is: proxies of the same one have the same id, within one run of a host. */
export function identify(proxy: object): { id: number; typeid: string } {
  const { reference, typeid } = known(proxy);
  return { id: reference.id, typeid };
}

export function checked(options: CallOptions): CallOptions {
  const { timeout } = options;
  if (timeout !== undefined && !(timeout > 0)) throw new RangeError(`timeout must be a positive number of milliseconds, not ${timeout}`);
  return options;
}

// What has an `__iter__`, or is an iterator, one item after the other.
async function* items(target: Target): AsyncGenerator<unknown> {
  const iterator = target.typeid === 'Iterator' ? target : known((await target.method('__iter__')()) as object);
  for (;;) {
    let item: unknown;
    try {
      item = await iterator.method('__next__')();
    } catch (error) {
      if (error instanceof FailedError && error.type === 'StopIteration') return;
      throw error;
    }
    yield item;
  }
}
