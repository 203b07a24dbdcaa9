// Logging in: the protocol's own examples, and a sohod with keys, tokens and certificates.
import assert from 'node:assert/strict';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { DeniedError, Key, NoTypeError, SessionLostError, Token, UnauthenticatedError } from '../src/index.js';
import { BIN, FakeHost, Host, connect, run, temporary } from './support.js';

const range = (from: number): Uint8Array => Uint8Array.from({ length: 32 }, (_, each) => from + each);
const RULES = '[[access]]\nwho = ["key:ci", "cert:alice", "token:old"]\ntypes = ["get_pair", "Pair"]\nrights = ["create", "call"]\n';

test('proofs are those of the protocol', () => {
  const key = new Key('ci', range(0));
  const nonces = Buffer.concat([range(0x40), range(0x60)]);
  const proof = (side: 'client' | 'host', channel: Uint8Array): string => key.proof(side, nonces, channel).toString('hex');
  assert.equal(proof('client', new Uint8Array(0)), '301eb8e0a4530e2f7b96bada273d806edec0d802b471df249042bc7041a66bfc');
  assert.equal(proof('host', new Uint8Array(0)), 'f3762d8b98ea5b01369365822cae7ab51d1c2864e16ed072425605eb9c801cb0');
  const tls = new Uint8Array(32).fill(0x11);
  assert.equal(proof('client', tls), 'cd2da52108739a05048bb484b7fa49441aa3975a13cb9e88ca72f84f9aef06bc');
  assert.equal(proof('host', tls), 'c4bad128efc0cf7e3e4bfdb4ad287067c4c55e81c7f9f2757378e75b34b84b58');
});

test('files of keys and tokens', (test) => {
  const file = join(temporary(test), 'keys');
  const write = (text: string): void => writeFileSync(file, text, { mode: 0o600 });
  write(`# a comment\n\n ci ${'00'.repeat(32)}\nboss ${'11'.repeat(32)}\nshort 1122\n`);
  assert.equal(Key.fromFile(file).name, 'ci');
  assert.equal(Key.fromFile(file, 'boss').name, 'boss');
  assert.throws(() => Key.fromFile(file, 'short'), /keys:5: not NAME and a secret/);
  assert.throws(() => Key.fromFile(file, 'who'), /has no key "who"/);
  assert.equal(inspect(Key.fromFile(file)), 'Key { ci }');
  assert.equal(inspect(new Token('secret')), 'Token {}');
  assert.throws(() => new Key('short', new Uint8Array(31)), RangeError);
  write('old swordfish 123456\n');
  assert.equal(Token.fromFile(file).text, 'swordfish 123456');
  chmodSync(file, 0o644);
  assert.throws(() => Key.fromFile(file), /can be read by other users.*chmod 600/);
});

async function guarded(test: TestContext, listen: string, more = ''): Promise<{ host: Host; folder: string }> {
  const folder = temporary(test);
  const soho = (...words: string[]): string => run(join(BIN, 'soho'), words);
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('keys', soho('keygen', 'ci') + soho('keygen', 'idle'));
  write('wrong', soho('keygen', 'ci'));
  write('tokens', soho('keygen', '--bearer', 'old'));
  const login = `[login]\nkeys = "${folder}/keys"\ntokens = "${folder}/tokens"\n`;
  write('sohod.toml', `${login}${more.replaceAll('FOLDER', folder)}${RULES}`);
  if (more !== '') certificates(folder);
  return { folder, host: await Host.start(test, listen, '--config', join(folder, 'sohod.toml')) };
}

function certificates(folder: string): void {
  const openssl = (...words: string[]): string => run('openssl', words, {}, folder);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl('req', '-x509', ...key, '-out', 'ca.pem', '-keyout', 'ca.key', '-subj', '/CN=test authority', '-days', '2');
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  for (const name of ['localhost', 'alice']) {
    openssl('req', ...key, '-out', `${name}.csr`, '-keyout', `${name}.key`, '-subj', `/CN=${name}`);
    openssl('x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names', '-out', `${name}.pem`);
  }
}

test('keys and tokens over TCP', async (test) => {
  const { host, folder } = await guarded(test, 'tcp:127.0.0.1:0');
  const key = Key.fromFile(join(folder, 'keys'));
  const client = await host.connect(test, { key });
  assert.equal((await client.whoami()).principal, 'key:ci');
  assert.equal(await (await client.create('Pair', 5, 6)).get_x(), 5);
  await assert.rejects(client.create('list'), NoTypeError);
  await assert.rejects(client.request('soho.shutdown'), DeniedError);
  assert.equal((await (await host.connect(test, { token: Token.fromFile(join(folder, 'tokens')) })).whoami()).principal, 'token:old');
  process.env['SOHO_KEY'] = join(folder, 'keys');
  test.after(() => delete process.env['SOHO_KEY']);
  assert.equal((await (await host.connect(test)).whoami()).principal, 'key:ci');
  delete process.env['SOHO_KEY'];
  await assert.rejects(host.connect(test), (error) => error instanceof UnauthenticatedError &&
    /give a key or a token \(the host at tcp:.* takes: hmac-sha256-1, token\)/.test(error.message));
  await assert.rejects(host.connect(test, { key: Key.fromFile(join(folder, 'wrong')) }), UnauthenticatedError);
  await assert.rejects(host.connect(test, { token: new Token('wrong') }), UnauthenticatedError);
  await assert.rejects(host.connect(test, { key, token: new Token('x') }), /either a key or a token/);
});

test('a host that does not know the key is left', async (test) => {
  const host = await FakeHost.start(test);
  const connecting = connect(host.address, { key: new Key('ci', range(0)) });
  const hello = await host.next();
  host.answer(hello[1], {
    proto: 1, host: 'fake/1', instance: 'x', features: [], limits: {}, nonce: range(1), mechs: ['hmac-sha256-1'], authenticated: false, principal: 'nobody',
  });
  const [, msgid, method, [mechanism, name]] = (await host.next()) as [number, number, string, unknown[]];
  assert.deepEqual([method, mechanism, name], ['soho.auth', 'hmac-sha256-1', 'ci']);
  host.answer(msgid, { principal: 'key:ci', session: 1, secret: range(2), proof: range(3) });
  await assert.rejects(connecting, (error) => error instanceof UnauthenticatedError && /does not know the key ci/.test(error.message));
});

test('a host that asks for no login on TCP is no host to give a key to', async (test) => {
  const host = await Host.start(test, 'tcp:127.0.0.1:0', '--insecure-no-login');
  await assert.rejects(host.connect(test, { key: new Key('ci', range(0)) }), /no login by hmac-sha256-1 here/);
});

test('TLS: certificates, and keys bound to the channel', async (test) => {
  const tls = '[tls]\ncertificate = "FOLDER/localhost.pem"\nkey = "FOLDER/localhost.key"\nclient_ca = "FOLDER/ca.pem"\n';
  const { host, folder } = await guarded(test, 'tls:127.0.0.1:0', tls);
  const file = (name: string): string => join(folder, name);
  const ca = file('ca.pem');
  const key = Key.fromFile(file('keys'));
  assert.equal((await (await host.connect(test, { key, tls: { ca } })).whoami()).principal, 'key:ci');
  assert.equal((await (await host.connect(test, { key, tls: { ca, name: 'localhost' } })).whoami()).principal, 'key:ci');
  const alice = await host.connect(test, { tls: { ca, certificate: file('alice.pem'), key: file('alice.key') } });
  assert.equal((await alice.whoami()).principal, 'cert:alice');
  assert.equal(await (await alice.create('Pair', 5, 6)).get_x(), 5);
  process.env['SOHO_TLS_CA'] = ca;
  test.after(() => delete process.env['SOHO_TLS_CA']);
  assert.equal((await (await host.connect(test, { token: Token.fromFile(file('tokens')) })).whoami()).principal, 'token:old');
  delete process.env['SOHO_TLS_CA'];
  await assert.rejects(host.connect(test, { key }), (error) => error instanceof SessionLostError && /certificate/.test(error.message));
  await assert.rejects(host.connect(test, { key, tls: { ca, name: 'elsewhere' } }), /elsewhere/);
  await assert.rejects(host.connect(test, { tls: { ca } }), UnauthenticatedError);
});

test('a host that never answers', async (test) => {
  const host = await FakeHost.start(test);
  await assert.rejects(connect(host.address, { connectTimeout: 50 }), (error) => error instanceof SessionLostError && /did not answer in time/.test(error.message));
  await assert.rejects(connect(`${host.address}x`), /no such socket/);
});
