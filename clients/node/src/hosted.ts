// What a provider says of the types that it offers.

type Callable = (new (...args: any[]) => object) | ((...args: any[]) => object | Promise<object>);

/**
 * As PROTOCOL.md, 6, describes it; `name` is enough. With `kind` "args" it takes all further positional arguments, with "kwargs" all further
 * keywords, which the method gets as an object, last.
 */
export interface Parameter {
  name: string;
  type?: string;
  doc?: string;
  default?: unknown;
  kind?: 'args' | 'kwargs';
}

export interface MethodOffer {
  /** Without them a method takes whatever positional arguments come. */
  args?: readonly Parameter[];
  returns?: string;
  doc?: string;
  flags?: readonly ('blocking' | 'readonly' | 'idempotent' | 'oneway' | 'prompt')[];
}

/** The six parameters that a type is registered by, as everywhere in soho, and what its description may have besides. */
export interface Offer {
  typeid: string;
  /** Makes the objects: a class, or any function, which may be asynchronous. Without one they come from methods only. */
  callable?: Callable;
  /** The class of proxies that clients shall use, where they have it. */
  proxytype?: string;
  /** The methods that clients may call. Else: those of the class whose names do not begin with "_"; for any other callable, those of each object. */
  exposed?: readonly string[];
  /** The methods whose results are objects, and their types. */
  methodToTypeid?: Readonly<Record<string, string>>;
  /** False: clients cannot create one. */
  createMethod?: boolean;

  version?: readonly [major: number, minor: number];
  doc?: string;
  /** What the callable takes; and descriptions of methods. */
  args?: readonly Parameter[];
  methods?: Readonly<Record<string, MethodOffer>>;
  /** Called when no client refers to the object any more. */
  destroy?: (object: any) => unknown;
}

const ANY_ARGUMENTS: readonly Parameter[] = [{ name: 'args', kind: 'args' }];

export class HostedType {
  readonly typeid: string;
  readonly #exposed: ReadonlySet<string> | undefined;

  constructor(readonly offer: Offer) {
    const { typeid, callable, exposed, methods, methodToTypeid } = offer;
    this.typeid = typeid;
    const listed = exposed ?? (isClass(callable) ? publicMethods(callable.prototype as object) : undefined);
    this.#exposed = listed && new Set([...listed, ...Object.keys(methodToTypeid ?? {}), ...Object.keys(methods ?? {})]);
  }

  /** Whether objects made by this class are of this type. */
  isOf(value: object): boolean {
    return isClass(this.offer.callable) && Object.getPrototypeOf(value) === this.offer.callable.prototype;
  }

  exposes(object: object, method: string): boolean {
    return this.#exposed !== undefined ? this.#exposed.has(method) : isPublicMethod(object, method);
  }

  make(args: readonly unknown[]): unknown {
    const { callable } = this.offer;
    if (callable === undefined) throw new TypeError(`${this.typeid} has no callable: its objects come from methods`);
    return isClass(callable) ? new callable(...args) : (callable as (...args: readonly unknown[]) => unknown)(...args);
  }

  /** The object of this type that a mapped method's result stands for. */
  adopt(result: unknown): unknown {
    const { callable } = this.offer;
    if (callable === undefined || (isClass(callable) && result instanceof callable)) return result;
    return this.make([result]);
  }

  description(): Record<string, unknown> {
    const { offer } = this;
    const names = new Set([...(this.#exposed ?? []), ...Object.keys(offer.methodToTypeid ?? {}), ...Object.keys(offer.methods ?? {})]);
    const methods: Record<string, unknown> = {};
    for (const name of names) {
      methods[name] = { args: ANY_ARGUMENTS, ...offer.methods?.[name], returns_typeid: own(offer.methodToTypeid, name) };
    }
    return {
      type: this.typeid,
      version: offer.version,
      doc: offer.doc,
      proxytype: offer.proxytype,
      args: offer.args ?? ANY_ARGUMENTS,
      methods,
      exposed: this.#exposed && [...this.#exposed],
      open: this.#exposed === undefined,
      callable: offer.callable !== undefined,
      create_method: offer.createMethod,
    };
  }
}

export function own<T>(record: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
}

// A class, and no function that could be called: its prototype cannot be replaced.
function isClass(callable: Callable | undefined): callable is new (...args: any[]) => object {
  return typeof callable === 'function' && Object.getOwnPropertyDescriptor(callable, 'prototype')?.writable === false;
}

// The methods, own and inherited, that have public names. No getter is run to find them.
function publicMethods(object: object): string[] {
  return [...new Set([...ancestry(object)].flatMap((each) => Object.getOwnPropertyNames(each)))].filter((name) => isPublicMethod(object, name));
}

function isPublicMethod(object: object, name: string): boolean {
  if (name === 'constructor' || name.startsWith('_')) return false;
  for (const each of ancestry(object)) {
    const property = Object.getOwnPropertyDescriptor(each, name);
    if (property !== undefined) return typeof property.value === 'function';
  }
  return false;
}

// It, and what it inherits from, but for what every object has.
function* ancestry(object: object): Generator<object> {
  for (let each: object | null = object; each !== null && each !== Object.prototype; each = Object.getPrototypeOf(each) as object | null) yield each;
}
