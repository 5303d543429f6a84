const BYTES_PER_LINE = 16;

/** Bytes as text: where each line begins, and sixteen bytes. */
export function hexDump(bytes: Uint8Array): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    const line = [...bytes.subarray(at, at + BYTES_PER_LINE)].map((byte) => hex(byte, 2));
    lines.push(`${hex(at, 6)}: ${line.join(' ')}`);
  }
  return lines.join('\n');
}
