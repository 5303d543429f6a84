/**
 * Writes test/goldens/x64.json: the bytes of instructions as GNU's assembler has them, for test/targets/x64-assembler.test.ts. Where ours are others,
 * objdump must read the same instruction in both; then ours are stored. Needs binutils:
 *
 *     npx tsx scripts/goldens/x64.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Assembler } from '../../src/targets/x64/assembler.js';
import { bytesOf, CASES, hex } from '../../test/support/x64-instructions.js';

/** Each instruction begins at a multiple of this. */
const SLOT = 256;
const folder = mkdtempSync(join(tmpdir(), 'x64-'));

/** The bytes of each text, by `as`. */
function assemble(texts: readonly string[]): Uint8Array[] {
  const source = join(folder, 'cases.s');
  const lines = texts.map((text, n) => `.org ${n * SLOT}\n${text}\nend${n}:`);
  writeFileSync(source, `.intel_syntax noprefix\n.text\n${lines.join('\n')}\n.org ${texts.length * SLOT}\n`);
  execFileSync('as', ['-o', join(folder, 'cases.o'), source], { stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('objcopy', [
    '-O',
    'binary',
    '-j',
    '.text',
    join(folder, 'cases.o'),
    join(folder, 'cases.bin'),
  ]);
  const ends = new Map(
    execFileSync('nm', [join(folder, 'cases.o')], { encoding: 'utf8' })
      .trim()
      .split('\n')
      .map((line) => line.split(' '))
      .map(([address = '', , name = '']) => [name, Number.parseInt(address, 16)]),
  );
  const all = readFileSync(join(folder, 'cases.bin'));
  return texts.map((_, n) => all.subarray(n * SLOT, ends.get(`end${n}`)));
}

/** What objdump reads in bytes. */
function disassemble(codes: readonly Uint8Array[]): string[] {
  const all = new Uint8Array(codes.length * SLOT).fill(0x90);
  codes.forEach((code, n) => all.set(code, n * SLOT));
  const file = join(folder, 'codes.bin');
  writeFileSync(file, all);
  const options = ['-D', '-b', 'binary', '-m', 'i386:x86-64', '-M', 'intel', '--no-show-raw-insn', file];
  const lines = execFileSync('objdump', options, { encoding: 'utf8', maxBuffer: 1 << 28 }).split('\n');
  const found = codes.map(() => '');
  for (const line of lines) {
    const [, address, text] = /^\s*([0-9a-f]+):\t(.*?)\s*$/.exec(line) ?? [];
    if (address === undefined || text === undefined) continue;
    const at = Number.parseInt(address, 16);
    const n = Math.floor(at / SLOT);
    if (at - n * SLOT >= (codes[n]?.length ?? 0)) continue;
    // Addresses in the text are absolute, and instructions that are longer lie elsewhere.
    const plain = text.replace(/\s*#.*/, '').replace(/rip[+-]0x[0-9a-f]+/, 'constant');
    found[n] = `${found[n] ?? ''}${plain}; `;
  }
  return found;
}

const ours = CASES.map((each) => bytesOf(each, new Assembler()));
const texts = CASES.map(({ text }, n) => text.replaceAll('@', String(ours[n]?.distance)));
const theirs = assemble(texts);
const [ourTexts, theirTexts] = [disassemble(ours.map(({ bytes }) => bytes)), disassemble(theirs)];
const golden: Record<string, string> = {};
let [others, wrong] = [0, 0];
CASES.forEach(({ text }, n) => {
  const [our, their] = [hex(ours[n]?.bytes ?? new Uint8Array()), hex(theirs[n] ?? new Uint8Array())];
  if (our !== their) {
    others++;
    if (ourTexts[n] !== theirTexts[n]) {
      wrong++;
      console.error(`${text}: ${our} is ${ourTexts[n]}, should be ${their}, ${theirTexts[n]}`);
    }
  }
  golden[text] = our;
});
rmSync(folder, { recursive: true });
console.log(`${CASES.length} instructions, ${others} of them in another form than gas has, ${wrong} wrong`);
if (wrong > 0) process.exit(1);
const lines = Object.entries(golden).map(
  ([text, bytes]) => `${JSON.stringify(text)}: ${JSON.stringify(bytes)}`,
);
writeFileSync(
  fileURLToPath(new URL('../../test/goldens/x64.json', import.meta.url)),
  `{\n${lines.join(',\n')}\n}\n`,
);
