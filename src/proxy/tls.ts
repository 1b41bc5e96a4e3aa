/** Keys and certificates, read from the files that the configuration names. */
import { readFileSync } from 'node:fs';
import type { Settings } from '../config/options.ts';
import type { TlsIdentity } from '../engine/port.ts';
import { MiceError, messageOf } from '../errors.ts';

/** @throws MiceError `bad-option` naming the option whose file cannot be read */
export function upstreamIdentity(settings: Settings): TlsIdentity {
  const { upstreamTlsCa, upstreamTlsCertificate, upstreamTlsKey, upstreamTlsName } = settings;
  expectPair('upstream.tls', upstreamTlsCertificate, upstreamTlsKey);
  return {
    ...(upstreamTlsCa && { ca: readPem('upstream.tls.ca', upstreamTlsCa) }),
    ...(upstreamTlsCertificate && {
      certificate: readPem('upstream.tls.certificate', upstreamTlsCertificate),
    }),
    ...(upstreamTlsKey && { key: readPem('upstream.tls.key', upstreamTlsKey) }),
    ...(upstreamTlsName && { name: upstreamTlsName }),
  };
}

export interface ServerIdentity {
  readonly cert: string;
  readonly key: string;
}

/** What HTTPS is served with; undefined where plain HTTP is. @throws MiceError `bad-option` */
export function listenIdentity({ listenTlsCertificate, listenTlsKey }: Settings): ServerIdentity | undefined {
  expectPair('listen.tls', listenTlsCertificate, listenTlsKey);
  if (listenTlsCertificate === '') return undefined;
  return {
    cert: readPem('listen.tls.certificate', listenTlsCertificate),
    key: readPem('listen.tls.key', listenTlsKey),
  };
}

function expectPair(prefix: string, certificate: string, key: string): void {
  if ((certificate === '') === (key === '')) return;
  const [lacks, given] = certificate === '' ? ['certificate', 'key'] : ['key', 'certificate'];
  throw new MiceError('bad-option', `${prefix}.${given} is set without ${prefix}.${lacks}.`, {
    hint: `Set both ${prefix}.certificate and ${prefix}.key, or neither.`,
  });
}

function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new MiceError('bad-option', `${option}: ${path} cannot be read: ${messageOf(cause)}`, {
      hint: 'Accepted: a PEM file.',
      cause,
    });
  }
}
