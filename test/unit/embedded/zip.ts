/** A zip of stored entries, written by the format's specification (APPNOTE 4.3), for archives of any content. */
import { crc32 } from 'node:zlib';

export interface ZipEntry {
  readonly name: string;
  readonly content: string;
  /** Unix mode, kept in the upper half of the external attributes. */
  readonly mode?: number;
}

export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, content, mode = 0o100644 } of entries) {
    const [title, body] = [Buffer.from(name), Buffer.from(content)];
    const sizes = [crc32(body), body.length, body.length];
    const record = Buffer.concat([
      fields(0x04034b50, [10, 0, 0, 0, 0], sizes, [title.length, 0]),
      title,
      body,
    ]);
    const attributes = Buffer.alloc(10);
    attributes.writeUInt32LE((mode << 16) >>> 0, 2);
    attributes.writeUInt32LE(offset, 6);
    const header = fields(0x02014b50, [(3 << 8) | 20, 10, 0, 0, 0, 0], sizes, [title.length, 0, 0, 0]);
    central.push(Buffer.concat([header, attributes, title]));
    local.push(record);
    offset += record.length;
  }
  const directory = Buffer.concat(central);
  const count = entries.length;
  const end = fields(0x06054b50, [0, 0, count, count], [directory.length, offset], [0]);
  return Buffer.concat([...local, directory, end]);
}

/** A signature, then 16-bit, 32-bit and 16-bit numbers, little-endian. */
function fields(
  signature: number,
  shorts: readonly number[],
  longs: readonly number[],
  last: readonly number[],
): Buffer {
  const long = (value: number) => {
    const buffer = Buffer.alloc(4);
    buffer.writeUInt32LE(value);
    return buffer;
  };
  const short = (value: number) => Buffer.from([value & 0xff, value >>> 8]);
  return Buffer.concat([long(signature), ...shorts.map(short), ...longs.map(long), ...last.map(short)]);
}
