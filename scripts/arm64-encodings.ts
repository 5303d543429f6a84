/**
 * Makes test/goldens/arm64-encodings.json: what the GNU assembler makes of each line in test/support/arm64-encodings.ts. For when instructions are added:
 *
 *     apt-get install binutils-aarch64-linux-gnu
 *     node --import tsx scripts/arm64-encodings.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENCODINGS } from '../test/support/arm64-encodings.js';

const folder = mkdtempSync(join(tmpdir(), 'arm64-'));
const [source, object, binary] = ['code.s', 'code.o', 'code.bin'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
try {
  // Each case begins at a multiple of 64 and ends with a word that marks its end.
  const MARK = 0xdeadbeef;
  writeFileSync(
    source,
    ENCODINGS.map(({ text }) => `.balign 64\n${text}\n.word ${MARK}\n`).join('') + '.balign 64\n',
  );
  execFileSync('aarch64-linux-gnu-as', ['-march=armv8-a', '-o', object, source], { stdio: 'inherit' });
  execFileSync('aarch64-linux-gnu-objcopy', ['-O', 'binary', '-j', '.text', object, binary]);
  const bytes = readFileSync(binary);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const result: Record<string, string> = {};
  for (const { text } of ENCODINGS) {
    const words: string[] = [];
    for (; view.getUint32(at, true) !== MARK; at += 4)
      words.push(view.getUint32(at, true).toString(16).padStart(8, '0'));
    result[text] = words.join(' ');
    at = Math.ceil((at + 4) / 64) * 64;
  }
  const file = fileURLToPath(new URL('../test/goldens/arm64-encodings.json', import.meta.url));
  writeFileSync(file, `${JSON.stringify(result, undefined, 1)}\n`);
  console.log(`${ENCODINGS.length} encodings in ${file}`);
} finally {
  rmSync(folder, { recursive: true });
}
