/** Chromium as the machine has it; nothing is downloaded. */
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const CANDIDATES = [
  process.env['MICE_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

/** Path of a browser to drive, or undefined. */
export function findChromium(): string | undefined {
  return CANDIDATES.find((path) => path !== undefined && path !== '' && existsSync(path));
}

/** Says on standard error why a browser suite does not run; true when it must be skipped. */
export function skippedWithoutChromium(suite: string): boolean {
  if (findChromium() !== undefined) return false;
  process.stderr.write(
    `${suite}: skipped, no Chromium found. Install one (Debian: apt-get install chromium) or set MICE_CHROMIUM to its path.\n`,
  );
  return true;
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: findChromium() ?? 'chromium',
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
