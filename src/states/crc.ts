import { crc32 } from 'node:zlib';
import { AT } from './layout.ts';

/** crc32 of a blob without its own crc field. It finds every single changed byte. */
export function blobCrc(bytes: Uint8Array): number {
  return crc32(bytes.subarray(AT.crc + 4), crc32(bytes.subarray(0, AT.crc)));
}
