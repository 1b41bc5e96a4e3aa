import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openAdmission } from '../../../src/proxy/admission.ts';
import { openBreaker } from '../../../src/proxy/breaker.ts';
import { deadlineOf, timeValueMs } from '../../../src/proxy/deadline.ts';
import { openPace } from '../../../src/proxy/pace.ts';

const never = new AbortController().signal;

describe('searches that are scored', () => {
  const limits = { concurrency: 2, queue: 4 };

  it('are so many at a time, and the rest wait in their order', async () => {
    const admission = openAdmission();
    const turns = [await admission.enter(limits, never), await admission.enter(limits, never)];
    const order: number[] = [];
    const waiting = [0, 1].map((at) =>
      admission.enter(limits, never).then((turn) => {
        order.push(at);
        return turn;
      }),
    );
    expect([admission.running, admission.waiting]).toEqual([2, 2]);
    turns[0]!.leave();
    turns[0]!.leave();
    (await waiting[0])!.leave();
    await waiting[1];
    expect(order).toEqual([0, 1]);
    expect(admission.running).toBe(2);
  });

  it('get a smaller part of their window the more wait behind them, and all of it when nobody does', async () => {
    const admission = openAdmission();
    const first = await admission.enter({ concurrency: 1, queue: 4 }, never);
    expect(first!.share).toBe(1);
    const waiting = [1, 2, 3, 4].map(() => admission.enter({ concurrency: 1, queue: 4 }, never));
    const shares: number[] = [];
    let leave = first!.leave;
    for (const turn of waiting) {
      leave();
      const next = (await turn)!;
      shares.push(next.share);
      leave = next.leave;
    }
    expect(shares).toEqual([0.25, 0.5, 0.75, 1]);
  });

  it('are turned away when the queue is full, and leave it when their time is over', async () => {
    const admission = openAdmission();
    const tight = { concurrency: 1, queue: 1 };
    await admission.enter(tight, never);
    const leaving = new AbortController();
    const waiting = admission.enter(tight, leaving.signal);
    expect(admission.isFull(tight)).toBe(true);
    expect(await admission.enter(tight, never)).toBeUndefined();
    leaving.abort();
    expect(await waiting).toBeUndefined();
    expect(admission.waiting).toBe(0);
    expect(await admission.enter(tight, AbortSignal.abort())).toBeUndefined();
  });

  it('are never more than allowed and never forgotten, in whatever order they come and go', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat({ max: 2 }), { maxLength: 60 }), async (steps) => {
        const admission = openAdmission();
        const inside: (() => void)[] = [];
        let asked = 0;
        let settled = 0;
        for (const step of steps) {
          if (step < 2) {
            asked += 1;
            void admission.enter(limits, never).then((turn) => {
              settled += 1;
              if (turn) inside.push(turn.leave);
            });
          } else inside.shift()?.();
          await new Promise(setImmediate);
          expect(admission.running).toBeLessThanOrEqual(limits.concurrency);
          expect(admission.waiting).toBeLessThanOrEqual(limits.queue);
          if (admission.waiting > 0) expect(admission.running).toBe(limits.concurrency);
        }
        while (inside.length > 0) {
          inside.shift()!();
          await new Promise(setImmediate);
        }
        expect(settled).toBe(asked);
        expect([admission.running, admission.waiting]).toEqual([0, 0]);
      }),
    );
  });
});

describe('a circuit breaker', () => {
  it('opens after faults in a row, lets one try through each pause, and closes when that succeeds', () => {
    let now = 0;
    const breaker = openBreaker({ failures: 3, pauseMs: 100, now: () => now });
    breaker.failed();
    breaker.failed();
    breaker.succeeded();
    breaker.failed();
    breaker.failed();
    expect(breaker.allows()).toBe(true);
    breaker.failed();
    expect([breaker.isOpen, breaker.waitMs, breaker.allows()]).toEqual([true, 100, false]);
    now = 100;
    expect([breaker.allows(), breaker.allows()]).toEqual([true, false]);
    breaker.succeeded();
    expect([breaker.isOpen, breaker.allows(), breaker.allows()]).toEqual([false, true, true]);
  });

  it('pauses longer with every further fault, up to sixteen times', () => {
    let now = 0;
    const breaker = openBreaker({ failures: 1, pauseMs: 10, now: () => now });
    const pauses = Array.from({ length: 7 }, () => {
      breaker.failed();
      const { waitMs } = breaker;
      now += waitMs;
      return waitMs;
    });
    expect(pauses).toEqual([10, 20, 40, 80, 160, 160, 160]);
  });
});

describe('the deadline of a search', () => {
  it.each([
    ['500ms', 500],
    ['1.5s', 1500],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['3d', 259_200_000],
    ['1000micros', 1],
    [' 7S ', 7000],
    ['-1', undefined],
    ['soon', undefined],
    [5, undefined],
    [undefined, undefined],
  ])('reads the timeout %s as the engines do', (value, ms) => {
    expect(timeValueMs(value)).toBe(ms);
  });

  it('is the smallest of what caller and configuration say', () => {
    expect(deadlineOf({ deadlineMs: 2000, timeout: '1s' })).toBe(1000);
    expect(deadlineOf({ deadlineMs: 500, timeout: '1s' })).toBe(500);
    expect(deadlineOf({ deadlineMs: 500, timeout: '-1' })).toBe(500);
    expect(deadlineOf({ deadlineMs: 500, timeout: '0ms' })).toBe(1);
  });
});

describe('the pace of scoring', () => {
  it('takes all at once where there is time, and half of what the time holds where there is not', () => {
    const pace = openPace(1);
    expect(pace.next(100, 10_000)).toBe(100);
    expect(pace.next(100, 40)).toBe(20);
    expect(pace.next(100, 1)).toBe(8);
    expect(pace.next(3, -5)).toBe(3);
  });

  it('learns from what goes took', () => {
    const pace = openPace(1);
    for (let at = 0; at < 40; at++) pace.took(10, 100);
    expect(pace.next(1000, 1000)).toBeGreaterThan(45);
    expect(pace.next(1000, 1000)).toBeLessThan(60);
  });
});
