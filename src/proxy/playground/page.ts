/** The playground: one self-contained page that shows the cluster's order beside the re-ranked one. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Page {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The page as served under `/_mice/`, trailing slash included: its requests (`indices`, `compare`) are relative.
 * Its content policy lets exactly its own script and style run and reaches nothing but the proxy, so text
 * from an index could do nothing even if it became markup.
 */
export function playgroundPage(): Page {
  const body = readFileSync(new URL('./playground.html', import.meta.url), 'utf8');
  return {
    body,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': policyOf(body),
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-cache',
    },
  };
}

function policyOf(html: string): string {
  return [
    "default-src 'none'",
    `script-src ${hashOf(html, 'script')}`,
    `style-src ${hashOf(html, 'style')}`,
    "connect-src 'self'",
    'img-src data:',
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** CSP source of the page's one inline element of this name (CSP level 3, section 2.3.1, hash-source). */
function hashOf(html: string, element: 'script' | 'style'): string {
  const content = new RegExp(`<${element}>([\\s\\S]*?)</${element}>`).exec(html)?.[1] ?? '';
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}
