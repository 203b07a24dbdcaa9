// The way to a host: every type that it has, and every object by its name.
import { addressText, candidates, type Address } from './address.js';
import { SessionLostError, SohoError } from './errors.js';
import { Key, Token, greet } from './login.js';
import { Provider, type Offer, type OfferOptions } from './provider.js';
import { checked, targetOf, type CallOptions, type Remote } from './proxy.js';
import { Session } from './session.js';
import { channelOf, openSocket, type TlsOptions } from './transport.js';

// Milliseconds until a host must have accepted, and greeted.
const CONNECT_TIMEOUT = 5000;
const TICKET_TTL = 60_000;

export interface ConnectOptions {
  /** Who to log in as; else, beyond Unix sockets, the first key of the file that SOHO_KEY names. */
  key?: Key;
  token?: Token;
  tls?: TlsOptions;
  /** Of this program, for the host's logs. */
  name?: string;
  connectTimeout?: number;
  /** Called with the milliseconds that are left when the host is about to end. */
  onDraining?: (leftMs: number) => void;
}

export interface PublishedName {
  name: string;
  type: string;
  id: number;
}

export interface Whoami {
  session: number;
  principal: string;
  rights: string[];
  rules: unknown[];
  instance: string;
}

/** The host at an address: "unix:PATH", "tcp:HOST:PORT", "tls:HOST:PORT"; without one at $SOHO_HOST, else the user's own, else the machine's. */
export async function connect(address?: string, options: ConnectOptions = {}): Promise<Client> {
  if (options.key !== undefined && options.token !== undefined) throw new TypeError('either a key or a token, not both');
  const failures: string[] = [];
  let last: unknown;
  for (const candidate of candidates(address)) {
    try {
      return new Client(await open(candidate, options));
    } catch (error) {
      if (!(error instanceof SessionLostError)) throw error;
      failures.push(error.text);
      last = error;
    }
  }
  throw new SessionLostError(`no host at ${failures.join('; ')}`, { cause: last });
}

async function open(address: Address, options: ConnectOptions): Promise<Session> {
  const deadline = AbortSignal.timeout(options.connectTimeout ?? CONNECT_TIMEOUT);
  const socket = await openSocket(address, options.tls ?? {}, deadline);
  const session = new Session(socket, addressText(address));
  session.onDraining = options.onDraining;
  try {
    session.welcome = await greet({
      address,
      secret: options.key ?? options.token ?? defaultKey(address, options),
      name: options.name,
      features: options.onDraining === undefined ? [] : ['draining'],
      channel: channelOf(socket),
      ask: (method, params) => session.connection.request(method, params, { where: `login at ${addressText(address)}`, signal: deadline }),
    });
    session.connection.adopt(session.welcome.limits);
    return session;
  } catch (error) {
    session.connection.close();
    if (error instanceof SohoError || !deadline.aborted) throw error;
    throw new SessionLostError(`${addressText(address)}: it did not answer in time`, { cause: error });
  }
}

function defaultKey(address: Address, { tls }: ConnectOptions): Key | undefined {
  const file = process.env['SOHO_KEY'];
  return file && address.transport !== 'unix' && tls?.certificate === undefined ? Key.fromFile(file) : undefined;
}

/** A session with a host, made by connect(). */
export class Client {
  readonly #session: Session;
  readonly #options: CallOptions;

  /** @internal */
  constructor(session: Session, options: CallOptions = {}) {
    this.#session = session;
    this.#options = options;
  }

  /** Where the host listens, and what it said of itself and of this session. */
  get address(): string {
    return this.#session.address;
  }
  get host(): string {
    return this.#session.welcome.host;
  }
  get session(): number {
    return this.#session.welcome.session;
  }
  get limits(): Readonly<Record<string, number>> {
    return this.#session.welcome.limits;
  }
  /** Resolves, with the reason, when this session has ended. */
  get closed(): Promise<SessionLostError> {
    return this.#session.closed;
  }

  /** The same session, whose requests have these options. */
  with(options: CallOptions): Client {
    return new Client(this.#session, { ...this.#options, ...checked(options) });
  }

  /** A new object of a type; it lives while somebody refers to it. Keyword arguments: kw({ … }) as the last one. */
  create<T = any>(typeid: string, ...args: unknown[]): Promise<Remote<T>> {
    return this.#session.create(typeid, args, this.#options) as Promise<Remote<T>>;
  }

  /** The same, published in one step; a name that is taken is refused with ExistsError. */
  createAs<T = any>(name: string, typeid: string, ...args: unknown[]): Promise<Remote<T>> {
    return this.#session.create(typeid, args, this.#options, { name }) as Promise<Remote<T>>;
  }

  /** The object of that name, which must then be of that type; else a new one, published so. */
  openOrCreate<T = any>(name: string, typeid: string, ...args: unknown[]): Promise<Remote<T>> {
    return this.#session.create(typeid, args, this.#options, { name, if_exists: 'open' }) as Promise<Remote<T>>;
  }

  open<T = any>(name: string): Promise<Remote<T>> {
    return this.request('soho.open', name) as Promise<Remote<T>>;
  }

  /** Publishes an object under a name: until unpublish(), or, with `session`, for as long as this client is connected. */
  async publish(proxy: object, name: string, { session = false }: { session?: boolean } = {}): Promise<void> {
    await this.request('soho.publish', proxy, name, { session });
  }

  async unpublish(name: string): Promise<void> {
    await this.request('soho.unpublish', name);
  }

  /** A ticket with which another session can claim() the object, within so many milliseconds. */
  share(proxy: object, { ttl = TICKET_TTL, uses = 1 }: { ttl?: number; uses?: number } = {}): Promise<string> {
    return this.request('soho.share', proxy, ttl, { uses }) as Promise<string>;
  }

  claim<T = any>(ticket: string): Promise<Remote<T>> {
    return this.request('soho.claim', ticket) as Promise<Remote<T>>;
  }

  names(): Promise<PublishedName[]> {
    return this.request('soho.names') as Promise<PublishedName[]>;
  }

  /** The typeids that this client may know of. */
  async types(): Promise<string[]> {
    const described = (await this.request('soho.types')) as { type: string }[];
    return described.map(({ type }) => type).sort();
  }

  /** The host's description of a type, as PROTOCOL.md, 6, has it. */
  describe(typeid: string): Promise<Record<string, unknown>> {
    return this.request('soho.types', typeid) as Promise<Record<string, unknown>>;
  }

  whoami(): Promise<Whoami> {
    return this.request('soho.whoami') as Promise<Whoami>;
  }

  async ping(): Promise<void> {
    await this.request('soho.ping');
  }

  /** Any request of the protocol, such as request('soho.stats'). */
  request(method: string, ...params: unknown[]): Promise<unknown> {
    return this.#session.request(method, params, this.#options);
  }

  /** Offers types to the host: their objects live in this program. Once for each client. */
  async provide(offers: Offer | readonly Offer[], options: OfferOptions = {}): Promise<Provider> {
    return Provider.start(this.#session, Array.isArray(offers) ? offers : [offers as Offer], options);
  }

  /** Whether this is a proxy of this session's. */
  owns(proxy: object): boolean {
    return targetOf(proxy)?.session === this.#session;
  }

  /** Ends the session: calls on their way fail, and the host takes back what its proxies refer to. */
  async close(): Promise<void> {
    this.#session.connection.close();
    await this.#session.closed;
  }

  /** Whether the connection keeps the program running; it does, if nothing else is said. */
  ref(): this {
    this.#session.connection.ref();
    return this;
  }
  unref(): this {
    this.#session.connection.unref();
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
