// What npm would pack, and what is committed of it.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SOURCE, run } from './support.js';

const built = join(new URL('.', import.meta.url).pathname, '../..');
const source = join(SOURCE, 'clients/node');

test('the package has its modules, their types, README and licence, and nothing else', () => {
  const [packed] = JSON.parse(run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {}, built)) as [{ files: { path: string }[] }];
  const files = packed.files.map(({ path }) => path);
  const others = files.filter((path) => !/^dist\/\w+\.(js|d\.ts)$/.test(path));
  assert.deepEqual(others.sort(), ['LICENSE', 'README.md', 'package.json']);
  assert(files.includes('dist/index.js') && files.includes('dist/index.d.ts'));
  assert.equal(files.filter((path) => path.endsWith('.js')).length, files.filter((path) => path.endsWith('.d.ts')).length);
});

test('its licence and version are the repository\'s, and its lock file names no registry', () => {
  assert.equal(readFileSync(join(source, 'LICENSE'), 'utf8'), readFileSync(join(SOURCE, 'LICENSE'), 'utf8'));
  const lock = readFileSync(join(source, 'package-lock.json'), 'utf8');
  assert(!/"resolved"|https?:/.test(lock));
  const { version } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as { version: string };
  assert.equal((JSON.parse(lock) as { version: string }).version, version);
  assert.equal(/^project\(.*?VERSION\s+([\d.]+)/ms.exec(readFileSync(join(SOURCE, 'CMakeLists.txt'), 'utf8'))?.[1], version);
  assert(readFileSync(join(source, 'src/login.ts'), 'utf8').includes(`'soho-node/${version}'`));
});

test('what it needs is one package, without native code', () => {
  const { dependencies, engines, type } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as Record<string, unknown>;
  assert.deepEqual([Object.keys(dependencies as object), engines, type], [['@msgpack/msgpack'], { node: '>=18' }, 'module']);
});
