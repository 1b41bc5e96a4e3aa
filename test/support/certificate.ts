/** Certificates for tests, made on the spot: X.509 v3 over P-256, written as DER by hand (RFC 5280 §4.1). */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of its own. */
export function authority(name: string): Certificate {
  return issue(name, undefined, { isAuthority: true });
}

/** A certificate for `name` and 127.0.0.1, signed by `issuer`. */
export function certificateFor(name: string, issuer: { name: string } & Certificate): Certificate {
  return issue(name, issuer, { isAuthority: false });
}

function issue(
  name: string,
  issuer: ({ name: string } & Certificate) | undefined,
  { isAuthority }: { isAuthority: boolean },
): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signingKey: KeyObject = issuer ? createPrivateKey(issuer.key) : privateKey;
  const body = sequence(
    tagged(0xa0, integer(2)),
    integer(0x40000000 + Math.floor(Math.random() * 2 ** 29)),
    ecdsaWithSha256,
    distinguishedName(issuer?.name ?? name),
    sequence(time(-1), time(1)),
    distinguishedName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions(name, isAuthority))),
  );
  const signature = sign('sha256', body, signingKey);
  const der = sequence(body, ecdsaWithSha256, bits(signature));
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}

function extensions(name: string, isAuthority: boolean): Buffer[] {
  const constraints = sequence(identifier('551d13'), octets(sequence(...(isAuthority ? [yes] : []))));
  const names = sequence(tagged(0x82, Buffer.from(name)), tagged(0x87, Buffer.from([127, 0, 0, 1])));
  return [constraints, sequence(identifier('551d11'), octets(names))];
}

function tagged(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), content]);
}

const sequence = (...contents: readonly Buffer[]) => tagged(0x30, ...contents);
const octets = (content: Buffer) => tagged(0x04, content);
const bits = (content: Buffer) => tagged(0x03, Buffer.from([0]), content);
const identifier = (hex: string) => tagged(0x06, Buffer.from(hex, 'hex'));
const yes = Buffer.from([0x01, 0x01, 0xff]);
const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'));

/** @param value below 128, or from 2^30 to 2^31 */
function integer(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return tagged(0x02, bytes.subarray(value < 128 ? 3 : 0));
}

function distinguishedName(name: string): Buffer {
  return sequence(tagged(0x31, sequence(identifier('550403'), tagged(0x0c, Buffer.from(name)))));
}

/** @param days from now */
function time(days: number): Buffer {
  const iso = new Date(Date.now() + days * 86_400_000).toISOString();
  return tagged(0x17, Buffer.from(`${iso.slice(2, 19).replace(/[-:T]/g, '')}Z`));
}
