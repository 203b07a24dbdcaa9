// Objects of Node's, called from Node, from C++ (the soho command) and from Python.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { once } from 'node:events';
import { test, type TestContext } from 'node:test';
import {
  BadArgumentsError, DeadlineError, ExistsError, FailedError, LimitError, NoMethodError, NoObjectError, NoTypeError, UnavailableError,
  call, currentCall, float, kw, release, tuple, withOptions, type Client, type Offer, type Remote,
} from '../src/index.js';
import { BIN, FakeHost, Host, Named, SOURCE, connect, eventually, runBeside, seeded } from './support.js';

class Counter {
  constructor(public count = 0) {}
  add(by = 1): number {
    return (this.count += by);
  }
  async later(by: number): Promise<number> {
    await new Promise(setImmediate);
    return this.add(by);
  }
  copy(): Counter {
    return new Counter(this.count);
  }
  none(): null {
    return null;
  }
  described(options: Record<string, unknown>): unknown {
    return options;
  }
  echo(value: unknown): unknown {
    return value;
  }
  fail(what: string): never {
    if (what === 'KeyError') throw new FailedError("'k'", { type: 'KeyError', data: ['k'] });
    if (what === 'limit') throw new LimitError('no more of these');
    if (what === 'text') throw 'only text';
    throw new RangeError('out of range');
  }
  _hidden(): string {
    return 'hidden';
  }
  get secret(): string {
    throw new Error('a getter was run');
  }
}

const COUNTER: Offer = { typeid: 'Counter', callable: Counter, methodToTypeid: { copy: 'Counter', none: 'Counter' } };

// Hosts by one client, and calls by another.
async function hosted(test: TestContext, ...offers: Offer[]) {
  const host = await Host.start(test);
  const owner = await host.connect(test);
  const provider = await owner.provide(offers.length === 0 ? [COUNTER] : offers);
  return { host, owner, provider, client: await host.connect(test) };
}

test('the objects of a class', async (test) => {
  const { client, provider } = await hosted(test);
  const counter = await client.create<Counter>('Counter', 5);
  assert.deepEqual([await counter.add(), await counter.add(4), await counter.later(10)], [6, 10, 20]);
  const copy = (await counter.copy()) as unknown as Remote<Counter>;
  assert.deepEqual([await copy.add(), await counter.add(0)], [21, 20]);
  assert.equal(await counter.none(), null);
  assert.equal(provider.size, 2);
  await release(copy);
  await release(counter);
  await eventually(() => provider.size === 0);
});

test('what is exposed, and what is not', async (test) => {
  const listed: Offer = { typeid: 'Listed', callable: Counter, exposed: ['add'] };
  const shared = new Counter(7);
  const any: Offer = { typeid: 'any', callable: () => shared };
  const { client } = await hosted(test, COUNTER, listed, any);
  const proxies = [await client.create('Counter'), await client.create('Listed'), await client.create('any')];
  for (const proxy of proxies) {
    assert.equal(typeof await proxy.add(), 'number');
    for (const name of ['_hidden', 'secret', 'nothing', 'hasOwnProperty', '__proto__', 'count']) await assert.rejects(proxy[name](), NoMethodError, name);
    await assert.rejects(call(proxy, 'constructor'), NoMethodError);
  }
  await assert.rejects(proxies[1].echo(1), NoMethodError);
  assert.equal(await proxies[2].echo(1), 1);
});

test('all six parameters, and descriptions', async (test) => {
  const { client } = await hosted(test, { ...COUNTER, proxytype: 'CounterProxy', version: [2, 1], doc: 'Counts.', createMethod: false },
    { typeid: 'first', callable: () => new Counter(1), methodToTypeid: { copy: 'Counter' }, methods: {
      add: { args: [{ name: 'by', type: 'int64', default: 100 }], doc: 'Adds.', returns: 'int64' }, described: { args: [{ name: 'options', kind: 'kwargs' }] },
    } });
  const described = await client.describe('Counter');
  assert.deepEqual([described['proxytype'], described['version'], described['doc'], described['create_method']], ['CounterProxy', [2, 1], 'Counts.', false]);
  await assert.rejects(client.create('Counter'));
  const first = await client.create('first');
  assert.deepEqual([await first.add(), await first.add(kw({ by: 5 }))], [101, 106]);
  await assert.rejects(first.add(1, 2), BadArgumentsError);
  await assert.rejects(first.add(kw({ wrong: 5 })), BadArgumentsError);
  assert.deepEqual(await first.described(kw({ a: 1, b: [2] })), { a: 1, b: [2] });
  assert.equal(await (await first.copy()).add(1), 107);
});

test('factories may take their time, and fail', async (test) => {
  const { client } = await hosted(test,
    { typeid: 'late', callable: async (from: number | Counter) => (await new Promise(setImmediate), new Counter(typeof from === 'number' ? from : from.count)) },
    { typeid: 'failing', callable: () => { throw new TypeError('not today'); } },
    { typeid: 'number', callable: (() => 5) as unknown as () => object },
    { typeid: 'inner', createMethod: false }, { typeid: 'outer', callable: Counter, methodToTypeid: { echo: 'inner', copy: 'late' } });
  assert.equal(await (await client.create('late', 4)).add(), 5);
  await assert.rejects(client.create('failing'), (error) => error instanceof FailedError && error.type === 'TypeError' && error.text === 'not today');
  await assert.rejects(client.create('number'), /must be an object, and this is a number/);
  await assert.rejects(client.create('inner'));
  const outer = await client.create('outer');
  const inner = await outer.echo({ a: 1, double: 2 }); // any object can be one of a type without a callable
  await assert.rejects(inner.a(), NoMethodError);
  assert.equal(await (await outer.copy()).add(), 1);
});

test('errors have their type, and values come as they went', async (test) => {
  const { client } = await hosted(test);
  const counter = await client.create('Counter');
  const failing = async (what: string): Promise<any> => counter.fail(what).then(() => assert.fail(), (error: unknown) => error);
  const key = await failing('KeyError');
  assert.deepEqual([key.kind, key.type, key.data, key.text], ['failed', 'KeyError', ['k'], "'k'"]);
  assert((await failing('limit')) instanceof LimitError);
  assert.deepEqual([(await failing('text')).type, (await failing('text')).text], ['Error', 'only text']);
  assert.deepEqual([(await failing('any')).type, (await failing('any')).text], ['RangeError', 'out of range']);
  const value = [tuple(1, new Set([2])), new Map([[1, 2]]), 2n ** 70n, new Uint8Array([1]), 1.5, null];
  assert.deepEqual(await counter.echo(value), value);
  assert.equal(await counter.echo(float(2)), 2);
});

test('what cannot be sent is an error that can be, and nothing is left behind', async (test) => {
  class Odd {
    unknown = (): unknown => [this, new (class Private {})()];
    large = (): string => 'x'.repeat(17 << 20);
    deep = (): unknown => Array.from({ length: 70 }).reduce((inner) => [inner], 1);
    longError = (): never => { throw new RangeError('y'.repeat(20 << 20)); };
    badError = (): never => { throw new RangeError('half \ud800'); };
    badData = (): never => { throw new FailedError('text', { type: 'KeyError', data: () => 1 }); };
    noError = (): never => { throw Object.create(null); };
    trap = (): never => { throw new Proxy(new Error(), { get: () => { throw new Error('no'); } }); };
    fine = (): number => 1;
  }
  const { client, provider } = await hosted(test, { typeid: 'Odd', callable: () => new Odd() });
  const odd = await client.create('Odd');
  for (const [method, type, why] of [
    ['unknown', 'TypeError', /class Private/], ['large', 'TypeError', /frame_bytes/], ['deep', 'TypeError', /depth/],
    ['longError', 'RangeError', /^yyy.*frame_bytes/], ['badError', 'RangeError', /^half .*surrogate/], ['badData', 'KeyError', /^text \(shortened: a function/],
    ['noError', 'Error', /cannot be read/], ['trap', 'Error', /cannot be read/],
  ] as const) {
    await assert.rejects(odd[method](), (error) => error instanceof FailedError && error.type === type && why.test(error.text), method);
    assert.equal(await odd.fine(), 1);
  }
  await release(odd);
  await eventually(() => provider.size === 0);
});

test('objects among arguments and results, both ways', async (test) => {
  class Keeper {
    kept: any;
    keep(thing: unknown): string {
      this.kept = thing;
      return thing instanceof Keeper ? 'a real Keeper' : String(thing).replace(/\d+ at .*/, '…');
    }
    async x(): Promise<unknown> {
      return this.kept.get_x();
    }
    async nothing(): Promise<unknown> {
      return this.kept.nothing();
    }
    all(): unknown {
      return { me: this, it: [this.kept] };
    }
  }
  const { client } = await hosted(test, { typeid: 'Keeper', callable: Keeper });
  const [one, other] = [await client.create('Keeper'), await client.create('Keeper')];
  let pair: any = await client.create('Pair', 5, 6);
  assert.equal(await one.keep(pair), '<Pair …');
  await release(pair);
  assert.equal(await one.x(), 5);
  // What it has called has no such method, which is no word about its own.
  await assert.rejects(one.nothing(), (error) => error instanceof FailedError && error.type === 'NoMethodError' && /Pair/.test(error.text));
  const { me, it: [again] } = await one.all();
  assert.equal(await again.get_x(), 5);
  assert.equal(await me.x(), 5);
  assert.equal(await other.keep(one), 'a real Keeper');
  const { it: [kept] } = await other.all();
  assert.equal(await kept.x(), 5);
  pair = undefined;
});

test('what a method calls, it calls for its caller', async (test) => {
  class Holder {
    constructor(private readonly lock: any, private readonly queue: any) {}
    async locked(): Promise<boolean> {
      return this.lock.acquire(false);
    }
    async unlock(): Promise<void> {
      await withOptions(this.lock, { oneway: true }).release();
    }
    async wait(): Promise<unknown> {
      return this.queue.get();
    }
    info(): unknown {
      const { principal, session, originSession, owner, trace, isOneway, timeLeft } = currentCall()!;
      return { principal, session, originSession, owner, trace, isOneway, timed: timeLeft < 60_000 };
    }
  }
  const { client, owner } = await hosted(test, { typeid: 'Holder', callable: Holder });
  const lock = await client.create('RLock');
  const holder = await client.create('Holder', lock, await client.create('Queue'));
  const me = withOptions(holder, { owner: 'me', trace: 't1' });
  await withOptions(lock, { owner: 'me' }).acquire();
  assert.equal(await me.locked(), true); // whose lock it is: the caller's, who has it
  assert.equal(await withOptions(holder, { owner: 'you' }).locked(), false);
  await me.unlock();
  await withOptions(lock, { owner: 'me' }).release();
  assert.equal(await withOptions(lock, { owner: 'you' }).acquire(false), true); // it was released as often as it was acquired
  await assert.rejects(withOptions(holder, { timeout: 50 }).wait(), DeadlineError);
  const principal = (await client.whoami()).principal;
  assert.deepEqual(await withOptions(me, { timeout: 50_000 }).info(), {
    principal, session: client.session, originSession: client.session, owner: 'me', trace: 't1', isOneway: false, timed: true,
  });
  assert.equal(currentCall(), undefined);
  assert.notEqual(owner.session, client.session);
});

test('cancelled calls are told, and answered', async (test) => {
  const seen: string[] = [];
  const { client } = await hosted(test, { typeid: 'Waiter', callable: () => ({
    wait: async () => {
      const { signal } = currentCall()!;
      seen.push('begun');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      seen.push('aborted');
      return 'too late';
    },
    oneway: () => void seen.push(`oneway ${currentCall()!.isOneway}`),
  }) });
  const waiter = await client.create('Waiter');
  const abort = new AbortController();
  const waiting = withOptions(waiter, { signal: abort.signal }).wait();
  await eventually(() => seen.length === 1);
  abort.abort();
  await assert.rejects(waiting, { name: 'AbortError' });
  await eventually(() => seen.length === 2);
  await assert.rejects(withOptions(waiter, { timeout: 20 }).wait(), DeadlineError);
  await eventually(() => seen.length === 4);
  await withOptions(waiter, { oneway: true }).oneway();
  await eventually(() => seen.length === 5);
  assert.deepEqual(seen, ['begun', 'aborted', 'begun', 'aborted', 'oneway true']);
});

test('replies that nobody got, and sessions that end', async (test) => {
  const outcomes: boolean[] = [];
  let mayAnswer: (() => void) | undefined;
  const { host, client, provider } = await hosted(test, { typeid: 'Items', callable: () => ({
    take: () => {
      void currentCall()!.delivery().then((isDelivered) => outcomes.push(isDelivered));
      return 'item';
    },
    late: async () => {
      void currentCall()!.delivery().then((isDelivered) => outcomes.push(isDelivered));
      await new Promise<void>((resolve) => (mayAnswer = resolve));
      return 'item';
    },
    session: () => currentCall()!.session,
  }) });
  const items = await client.create('Items');
  assert.equal(await items.take(), 'item');
  await eventually(() => outcomes.length === 1);
  const other = await connect(host.address);
  const theirs = await other.claim<any>(await client.share(items));
  const ended = provider.sessionEnd(await theirs.session());
  const late = theirs.late().catch(() => {});
  await client.ping();
  const answer = (await eventually(() => mayAnswer))!;
  await other.close();
  await late;
  await ended;
  answer();
  await eventually(() => outcomes.length === 2);
  assert.deepEqual(outcomes, [true, false]);
});

test('objects are destroyed when nobody has them, and charged while they are there', async (test) => {
  const destroyed: unknown[] = [];
  const made: Counter[] = [];
  const { client, provider, host } = await hosted(test, {
    typeid: 'Counter', callable: () => (made.push(new Counter()), made.at(-1)!), destroy: (object) => destroyed.push(object),
  });
  const counter = await client.create('Counter');
  provider.charge(made[0]!, 12345);
  const seen = async (): Promise<{ type: string; bytes: number }[]> => client.request('soho.objects') as Promise<{ type: string; bytes: number }[]>;
  await eventually(async () => (await seen()).some(({ type, bytes }) => type === 'Counter' && bytes === 12345));
  await release(counter);
  await eventually(() => destroyed.length === 1);
  assert.equal(destroyed[0], made[0]);
  const other = await connect(host.address);
  for (let each = 0; each < 10; ++each) await other.create('Counter');
  await other.close();
  await eventually(() => destroyed.length === 11);
});

test('in the program that hosts it an object is itself', async (test) => {
  const { owner, client, provider } = await hosted(test);
  const counter = await owner.create('Counter', 3);
  assert(counter instanceof Counter);
  await eventually(() => provider.size === 0); // that gave the host's handle back, and nobody else has one
  await owner.publish(counter, 'counter');
  assert.equal(await (await client.open('counter')).add(), 4);
  assert.equal(counter.count, 4);
});

test('offers that are refused', async (test) => {
  const { host, owner, client } = await hosted(test);
  await assert.rejects(owner.provide(COUNTER), /has made its offer/);
  await assert.rejects(client.provide(COUNTER), ExistsError);
  await assert.rejects(client.provide([{ typeid: 'A', callable: Counter }, { typeid: 'A', callable: Counter }]), /offered twice/);
  await assert.rejects(client.provide({ typeid: 'A', callable: Counter, methodToTypeid: { copy: 'B' } }), /of the type B, which is not offered/);
  await assert.rejects(client.provide({ typeid: 'no such name', callable: Counter }), BadArgumentsError);
  await client.provide({ typeid: 'Other', callable: Counter }, { name: 'others', version: '1.0' });
  const plugins = (await client.request('soho.plugins')) as { name: string; version: string }[];
  assert(plugins.some(({ name, version }) => name === 'others' && version === '1.0'));
  assert.equal(host.isRunning, true);
});

test('withdrawn types are gone, and a provider that ends takes its objects along', async (test) => {
  const { client, owner, provider } = await hosted(test);
  const counter = await client.create('Counter');
  await provider.withdraw();
  await assert.rejects(client.create('Counter'), NoTypeError);
  assert.equal(await counter.add(), 1);
  const waiting = counter.later(1).then(() => 'done', (error: unknown) => error);
  await owner.close();
  const ended = await waiting;
  assert(ended === 'done' || ended instanceof UnavailableError);
  await assert.rejects(counter.add(), (error) => error instanceof UnavailableError || error instanceof NoObjectError);
});

const PROVIDING = `
  import { connect } from '${new URL('../src/index.js', import.meta.url).href}';
  const client = await connect();
  await client.provide({ typeid: 'Stuck', callable: () => ({ stuck: () => new Promise(() => {}), pid: () => process.pid }) });
  console.log('ready');
`;

test('a provider that is killed in the middle of a call', async (test) => {
  const host = await Host.start(test);
  const program = spawn(process.execPath, ['--input-type=module', '--eval', PROVIDING], {
    env: { ...process.env, SOHO_HOST: host.address }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  test.after(() => program.kill('SIGKILL'));
  await once(program.stdout, 'data');
  const client = await host.connect(test);
  const stuck = await client.create('Stuck');
  assert.equal(await stuck.pid(), program.pid);
  const waiting: Promise<unknown> = stuck.stuck();
  await client.ping();
  program.kill('SIGKILL');
  await assert.rejects(waiting, UnavailableError);
  await eventually(async () => !(await client.types()).includes('Stuck'));
});

test('from C++: the soho command', async (test) => {
  const { host, owner } = await hosted(test);
  await owner.publish(await owner.create('Counter', 40), 'counter');
  const soho = (...words: string[]): Promise<string> => runBeside(join(BIN, 'soho'), ['--host', host.address, ...words]);
  assert.equal(await soho('call', 'counter', 'add', '2'), '42\n');
  assert.equal(await soho('--json', 'call', 'counter', 'echo', '{"a": [1, 2.5, null]}'), '{"a":[1,2.5,null]}\n');
  assert.match(await soho('describe', 'Counter'), /add/);
  await soho('create', '--as', 'made', 'Counter', '1');
  assert.equal(await soho('call', 'made', 'add', '1'), '2\n');
  await assert.rejects(soho('call', 'counter', 'fail', 'KeyError'), /KeyError: 'k'/);
});

test('from Python', async (test) => {
  const { host } = await hosted(test);
  const program = [
    'import soho', 'with soho.Client() as client:', '    counter = client.create("Counter", 5)',
    '    print(counter.add(2), counter.later(3), counter.copy().add(1), counter.echo((1, {2}, {3: 4}, 1 << 70)))',
    '    try:', '        counter.fail("KeyError")', '    except KeyError as error:', '        print(error)',
    '    pair = client.create("Pair", 1, 2)', '    print(counter.echo([pair])[0].get_y())',
  ].join('\n');
  const output = await runBeside('/usr/bin/python3', ['-W', 'error', '-c', program], { SOHO_HOST: host.address, PYTHONPATH: join(SOURCE, 'clients/python') });
  assert.equal(output, '7 10 11 (1, {2}, {3: 4}, 1180591620717411303424)\n\'k\'\n2\n');
});

test('many clients at once', async (test) => {
  const { host } = await hosted(test);
  const clients: Client[] = [];
  for (let each = 0; each < 8; ++each) clients.push(await host.connect(test));
  const counter = await clients[0]!.createAs('shared', 'Counter');
  const theirs = await Promise.all(clients.map((client) => client.open('shared')));
  await Promise.all(theirs.flatMap((proxy) => Array.from({ length: 200 }, () => proxy.add() as Promise<number>)));
  assert.equal(await counter.add(0), 1600);
});

test('after everybody has gone nothing is left, in the host or here', async (test) => {
  const { host, owner, provider } = await hosted(test);
  const stats = async (): Promise<number[]> => {
    const { objects, references, sessions } = (await owner.request('soho.stats')) as { objects: number; references: number; sessions: number };
    return [objects, references, sessions];
  };
  const before = await stats();
  const random = seeded(3);
  await Promise.all([1, 2, 3].map(async () => {
    const client = await connect(host.address);
    const proxies: any[] = [await client.create('Counter')];
    for (let round = 0; round < 200; ++round) {
      const proxy = proxies[random(proxies.length)];
      switch (random(6)) {
        case 0: proxies.push(await client.create('Counter', round)); break;
        case 1: proxies.push(await proxy.copy()); break;
        case 2: proxies.push(...(await proxy.echo([proxy, { a: proxies[0] }]) as unknown[]).slice(0, 1)); break;
        case 3: await client.with({ signal: AbortSignal.timeout(random(3)) }).create('Counter').catch(() => {}); break;
        case 4: if (proxies.length > 1) await release(proxies.pop() as object); break;
        default: await proxy.add();
      }
    }
    await client.close();
  }));
  await eventually(async () => provider.size === 0 && (await stats()).join() === before.join());
});

test('whatever a host sends to a provider, it is answered or the connection ends', async (test) => {
  const random = seeded(11);
  const host = await FakeHost.start(test);
  const unhandled: unknown[] = [];
  const note = (reason: unknown): number => unhandled.push(reason);
  process.on('unhandledRejection', note);
  test.after(() => process.off('unhandledRejection', note));
  const ends = { replies: 0, closed: 0 };
  for (let round = 0; round < 300; ++round) {
    const client = await host.client(test);
    const offering = client.provide(COUNTER);
    host.answer((await host.next())[1], null);
    await offering;
    const requests = [
      [0, 1, 'soho.create', ['Counter', [5], { principal: 'uid:0', session: 4 }]], [0, 2, 'soho.call', [1, 'add', [1], { timeout_ms: 250 }]],
      [0, 3, 'soho.call', [1, 'echo', [[new Named(1, 'Counter', true), new Named(77, 'Pair')]], {}]], [2, 'soho.release', [[1, 1]]],
      [2, 'soho.cancel', [2]], [2, 'soho.session_end', [4]], [0, 5, 'soho.ping', []],
    ];
    const bytes = Buffer.concat(requests.map((request) => host.pack(request)));
    for (let change = random(4); change > 0; --change) bytes[random(bytes.length)] = random(256);
    host.socket.end(bytes);
    for (;;) {
      const message = await host.next().catch(() => undefined);
      if (message === undefined) break;
      if (message[0] === 1) ++ends.replies;
    }
    ++ends.closed;
    await client.closed;
  }
  assert(ends.replies > 300 && ends.closed === 300, JSON.stringify(ends));
  assert.deepEqual(unhandled, []);
});
