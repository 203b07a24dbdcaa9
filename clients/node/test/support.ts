// What the tests stand on: a sohod of the build that is tested, and a host of the test's own, frame by frame.
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { connect as connectSoon, type Client, type ConnectOptions } from '../src/index.js';
import { FrameReader } from '../src/frames.js';
import { Packer } from '../src/packer.js';
import { Unpacker } from '../src/unpacker.js';
import { Extension, type Home } from '../src/extensions.js';

function place(name: string): string {
  const value = process.env[name];
  assert(value, `${name} is not set: ctest does, see tests/node/CMakeLists.txt`);
  return value;
}

export const SOURCE = place('SOHO_TEST_SOURCE_DIR');
export const BIN = place('SOHO_TEST_BIN_DIR');
export const BUNDLED = place('SOHO_TEST_BUNDLED_PLUGIN_DIR');
export const PLUGINS = place('SOHO_TEST_PLUGIN_DIR');
const PATIENCE = 1000 * Number(process.env['SOHO_TEST_PATIENCE'] ?? 60);

// A host of tests may have to wait for the processor.
export function connect(address?: string, options: ConnectOptions = {}): Promise<Client> {
  return connectSoon(address, { connectTimeout: PATIENCE, ...options });
}

export async function eventually<T>(condition: () => T | Promise<T>, what = 'the condition'): Promise<T> {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const value = await condition();
    if (value) return value;
    assert(Date.now() < until, `${what} did not come true`);
    await sleep(5);
  }
}

export function temporary(test: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'soho-node-'));
  test.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

// A sohod with the bundled plugins, on a Unix socket if nothing else is said. It ends with the test, or with this process.
export class Host {
  address = '';
  log = '';
  private constructor(readonly process: ChildProcess) {}

  static async start(test: Pick<TestContext, 'after'>, listen?: string, ...args: string[]): Promise<Host> {
    const where = listen ?? `unix:${temporary(test)}/sohod.sock`;
    const config = args.includes('--config') ? [] : ['--no-config'];
    const child = spawn(join(BIN, 'sohod'), ['--end-with-stdin', '--plugin-dir', BUNDLED, '--listen', where, ...config, ...args], { stdio: 'pipe' });
    const host = new Host(child);
    child.stderr.on('data', (text: Buffer) => (host.log += String(text)));
    test.after(() => host.stop());
    await new Promise<void>((resolve, reject) => {
      let output = '';
      child.stdout.on('data', (text: Buffer) => {
        output += String(text);
        const listening = /listens on (\S+)\n/.exec(output);
        if (listening === null) return;
        host.address = listening[1]!;
        resolve();
      });
      child.once('exit', (code) => reject(new Error(`sohod ended with ${code}:\n${host.log}`)));
    });
    return host;
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const ended = this.isRunning ? new Promise((resolve) => this.process.once('exit', resolve)) : undefined;
    this.process.kill(signal);
    await ended;
  }

  // As an operator would; a sanitizer's complaint fails the test.
  async stop(): Promise<void> {
    await this.end();
    assert(!/ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:/.test(this.log), this.log);
  }

  async connect(test: Pick<TestContext, 'after'>, options: ConnectOptions = {}): Promise<Client> {
    const client = await connect(this.address, options);
    test.after(() => client.close());
    return client;
  }
}

// Runs a program to its end, which must be a good one, and gives what it printed.
export function run(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}, cwd?: string): string {
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: PATIENCE, env: { ...process.env, ...environment }, ...(cwd ? { cwd } : {}) });
  assert.equal(done.status, 0, `${program} ${args.join(' ')}\n${done.stdout}\n${done.stderr}${done.error ?? ''}`);
  return done.stdout;
}

// The same, while this program goes on.
export async function runBeside(program: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const child = spawn(program, args, { env: { ...process.env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let complaints = '';
  child.stdout.on('data', (text: Buffer) => (output += String(text)));
  child.stderr.on('data', (text: Buffer) => (complaints += String(text)));
  const code = await new Promise((resolve) => child.once('close', resolve));
  assert.equal(code, 0, `${program} ${args.join(' ')}\n${output}\n${complaints}`);
  return output;
}

// What stands for objects where there is no session: handles as they are.
export class Named {
  constructor(readonly id: number, readonly typeid: string, readonly isOwn = false) {}
}

export const bare: Home = {
  handleOf: (value) => value instanceof Named ? { extension: value.isOwn ? Extension.own : Extension.handle, id: value.id, typeid: value.typeid } : undefined,
  takeBack: () => {},
  proxyOf: (id, typeid) => new Named(id, typeid),
  ownOf: (id) => new Named(id, 'own', true),
};

type Message = unknown[];

// A host that does what the test says, for one client at a time.
export class FakeHost {
  readonly #packer = new Packer(bare);
  readonly #unpacker = new Unpacker(bare);
  readonly #come: Message[] = [];
  #wake: (() => void) | undefined;
  socket!: Socket;
  address = '';
  isClosed = false;

  private constructor(readonly server: Server) {}

  static async start(test: Pick<TestContext, 'after'>): Promise<FakeHost> {
    const host = new FakeHost(createServer());
    host.address = `unix:${temporary(test)}/fake.sock`;
    host.server.on('connection', (socket) => {
      const reader = new FrameReader({ bytes: 1 << 30, depth: 200, items: 1 << 26 });
      host.socket = socket;
      host.isClosed = false;
      socket.on('error', () => {});
      socket.on('close', () => {
        if (socket !== host.socket) return; // it has been followed
        host.isClosed = true;
        host.#wake?.();
      });
      socket.on('data', (chunk) => reader.push(chunk, (frame, isUnusual) => {
        host.#come.push(host.#unpacker.unpack(frame, isUnusual) as Message);
        host.#wake?.();
      }));
    });
    await new Promise<void>((resolve) => host.server.listen(host.address.slice(5), resolve));
    test.after(() => { host.socket?.destroy(); host.server.close(); });
    return host;
  }

  // A client that this has greeted.
  async client(test: Pick<TestContext, 'after'>, options: ConnectOptions = {}, limits = {}): Promise<Client> {
    this.isClosed = false;
    const connecting = connect(this.address, options);
    const [, msgid, method] = await this.next();
    assert.equal(method, 'soho.hello');
    this.answer(msgid, {
      proto: 1, host: 'fake/1', instance: 'abcd', session: 3, secret: new Uint8Array(16), features: [], nonce: new Uint8Array(32), mechs: [],
      limits: { frame_bytes: 1 << 24, depth: 64, items: 1 << 20, ...limits }, authenticated: true, principal: 'uid:0',
    });
    const client = await connecting;
    test.after(() => client.close());
    return client;
  }

  // The next message of the client's.
  async next(): Promise<Message> {
    while (this.#come.length === 0) {
      assert(!this.isClosed, 'the client has closed the connection');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#come.shift()!;
  }

  pack(message: Message): Uint8Array {
    return this.#packer.pack(message).slice();
  }

  send(message: Message): void {
    this.socket.write(this.pack(message));
  }

  answer(msgid: unknown, result: unknown): void {
    this.send([1, msgid, null, result]);
  }
}

// Random numbers that are the same each time: xorshift.
export function seeded(seed: number): (below: number) => number {
  let state = seed || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
