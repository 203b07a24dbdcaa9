// Who one is to a host, and what a connection says first.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { addressText, type Address } from './address.js';
import { UnauthenticatedError, ProtocolError } from './errors.js';

export const CLIENT = 'soho-node/0.1.0';
const KEY_LOGIN = 'hmac-sha256-1';

/** A key to log in with: the host knows the same one. `soho keygen NAME` makes a file of one. */
export class Key {
  readonly #secret: Uint8Array;

  constructor(readonly name: string, secret: Uint8Array) {
    if (secret.length < 32) throw new RangeError(`the key ${name} has ${secret.length} bytes: it must have 32 or more`);
    this.#secret = Uint8Array.from(secret);
  }

  /** The key of that name in a file of keys; the first if no name is given. */
  static fromFile(file: string, name?: string): Key {
    return readSecret(file, name, (found, secret) => {
      if (!/^([0-9a-f]{2}){32,}$/i.test(secret)) throw new SyntaxError('no key');
      return new Key(found, Buffer.from(secret, 'hex'));
    });
  }

  /** One side's proof that it knows the key. */
  proof(side: 'client' | 'host', nonces: Uint8Array, channel: Uint8Array): Buffer {
    return createHmac('sha256', this.#secret)
      .update(`soho-login-1 ${side}\0`).update(nonces).update(Uint8Array.of(channel.length)).update(channel).update(this.name).digest();
  }

  [inspect.custom](): string {
    return `Key { ${this.name} }`;
  }
}

/** A token to log in with: over a Unix socket, on this machine, or in TLS. */
export class Token {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  static fromFile(file: string, name?: string): Token {
    return readSecret(file, name, (_, secret) => new Token(secret));
  }

  get text(): string {
    return this.#text;
  }

  [inspect.custom](): string {
    return 'Token {}';
  }
}

// A file has lines NAME SECRET, empty ones, and comments.
function readSecret<T>(file: string, name: string | undefined, make: (name: string, secret: string) => T): T {
  const descriptor = openSync(file, 'r');
  let text: string;
  try {
    if ((fstatSync(descriptor).mode & 0o077) !== 0) throw new Error(`${file} can be read by other users, so it is no secret: chmod 600 it`);
    text = readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
  for (const [number, line] of text.split('\n').entries()) {
    const [, found, secret] = /^\s*([^#\s]\S*)\s*(.*?)\s*$/.exec(line) ?? [];
    if (found === undefined || (name !== undefined && found !== name)) continue;
    try {
      if (!secret) throw new SyntaxError('no secret');
      return make(found, secret);
    } catch {
      throw new SyntaxError(`${file}:${number + 1}: not NAME and a secret, as soho keygen makes it`);
    }
  }
  throw new Error(`${file} has no key${name === undefined ? '' : ` "${name}"`}`);
}

/** What a host said to hello. */
export interface Welcome {
  host: string;
  instance: string;
  session: number;
  principal: string;
  features: string[];
  limits: Record<string, number>;
}

export interface Greeting {
  address: Address;
  secret: Key | Token | undefined;
  name: string | undefined;
  features: readonly string[];
  /** What TLS exports; empty without it. */
  channel: Uint8Array;
  /** A request of this connection. */
  ask(method: string, params: readonly unknown[]): Promise<unknown>;
}

/** Says hello, and logs in. Throws UnauthenticatedError where the host wants a login that there is none for, or is not who it should be. */
export async function greet({ address, secret, name, features, channel, ask }: Greeting): Promise<Welcome> {
  const nonce = randomBytes(32);
  const hello = record(await ask('soho.hello', [{
    proto: 1,
    client: name === undefined ? CLIENT : `${name} (${CLIENT})`,
    errors: 'full',
    handles: 'ext',
    ...(features.length === 0 ? {} : { features }),
    ...(secret === undefined ? {} : { nonce, login: true }),
  }]));
  if (hello['proto'] !== 1) throw new ProtocolError(`${String(hello['host'])} speaks protocol ${String(hello['proto'])}, this client 1`);
  const mechanisms = Array.isArray(hello['mechs']) ? hello['mechs'].map(String) : [];
  const mechanism = secret instanceof Token ? 'token' : KEY_LOGIN;
  // On a Unix socket the system says who is at either end; elsewhere a host that asks for no login may not be the host.
  const must = hello['authenticated'] === false || (secret !== undefined && address.transport !== 'unix');
  if (secret !== undefined && mechanisms.includes(mechanism)) {
    const login = secret instanceof Token ? await ask('soho.auth', ['token', secret.text]) : await proveKey(secret);
    return welcome({ ...hello, ...record(login) });
  }
  if (must) {
    const offered = `the host at ${addressText(address)} takes: ${mechanisms.join(', ') || 'no login'}`;
    const why = secret === undefined ? 'a login is wanted: give a key or a token' : `no login by ${mechanism} here`;
    throw new UnauthenticatedError(`${why} (${offered})`);
  }
  return welcome(hello);

  async function proveKey(key: Key): Promise<unknown> {
    const nonces = Buffer.concat([nonce, bytes(hello['nonce'])]);
    const login = record(await ask('soho.auth', [KEY_LOGIN, key.name, key.proof('client', nonces, channel)]));
    const [theirs, expected] = [bytes(login['proof']), key.proof('host', nonces, channel)];
    if (theirs.length !== expected.length || !timingSafeEqual(theirs, expected)) {
      throw new UnauthenticatedError(`who answers at ${addressText(address)} does not know the key ${key.name}: it is not the host it should be`);
    }
    return login;
  }
}

function welcome(said: Record<string, unknown>): Welcome {
  if (typeof said['session'] !== 'number') throw new UnauthenticatedError('the host wants a login');
  return {
    host: String(said['host']),
    instance: String(said['instance']),
    session: said['session'],
    principal: String(said['principal']),
    features: Array.isArray(said['features']) ? said['features'].map(String) : [],
    limits: record(said['limits']) as Record<string, number>,
  };
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new ProtocolError('the host has answered the greeting with what is no map');
  return value as Record<string, unknown>;
}

function bytes(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : new Uint8Array(0);
}
