import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { test } from 'node:test';
import { addressText, candidates, parseAddress } from '../src/address.js';
import { temporary } from './support.js';

test('the forms of an address', () => {
  for (const text of ['unix:/run/x.sock', 'unix:relative', 'tcp:localhost:5555', 'tcp:127.0.0.1:0', 'tcp:[::1]:65535', 'tls:host.example:1']) {
    assert.equal(addressText(parseAddress(text)), text);
  }
  assert.deepEqual(parseAddress('/run/x.sock'), { transport: 'unix', host: '/run/x.sock', port: 0 });
  assert.deepEqual(parseAddress('tcp:[::1]:7'), { transport: 'tcp', host: '::1', port: 7 });
});

test('what is none says why', () => {
  for (const [text, why] of [
    ['unix:', /lacks the path/], ['tcp:localhost', /is not tcp:HOST:PORT/], ['tcp:::1:5', /is not tcp:HOST:PORT/],
    ['tcp:h:65536', /is not tcp/], ['tls::5', /is not tls/],
    ['tcp:h:-1', /is not tcp/], ['host', /is not an address: unix:PATH/], ['\0abstract', /abstract/],
  ] as const) {
    assert.throws(() => parseAddress(text), (error) => error instanceof TypeError && why.test(error.message), text);
  }
});

test('where a client looks', (test) => {
  const folder = temporary(test);
  const paths = (environment: NodeJS.ProcessEnv): string[] => candidates(undefined, environment).map(addressText);
  const machines = 'unix:/run/sohod/sohod.sock';
  assert.deepEqual(candidates('tcp:h:1', { SOHO_HOST: 'tcp:other:2' }).map(addressText), ['tcp:h:1']);
  assert.deepEqual(paths({ SOHO_HOST: 'tcp:other:2' }), ['tcp:other:2']);
  assert.throws(() => paths({ SOHO_HOST: 'x' }), /^TypeError: SOHO_HOST: "x" is not an address/);
  assert.deepEqual(paths({ XDG_RUNTIME_DIR: folder }), [`unix:${folder}/soho/sohod.sock`, machines]);
  assert.deepEqual(paths({ TMPDIR: folder }), [`unix:${folder}/soho-${process.geteuid!()}/sohod.sock`, machines]);
  mkdirSync(`${folder}/soho`, { mode: 0o700 });
  assert.equal(paths({ XDG_RUNTIME_DIR: folder }).length, 2);
  chmodSync(`${folder}/soho`, 0o755); // others may have put a socket there
  assert.deepEqual(paths({ XDG_RUNTIME_DIR: folder }), [machines]);
  symlinkSync(folder, `${folder}/soho-${process.geteuid!()}`);
  assert.deepEqual(paths({ TMPDIR: folder }), [machines]);
});
