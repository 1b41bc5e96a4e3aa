/** Where the names of points go, so that neither names nor points cover each other. */

export interface Spot {
  readonly x: number;
  readonly y: number;
  readonly label: string;
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Of a letter at the size of the plots, on average; and of a line. */
const [LETTER_WIDTH, LINE_HEIGHT] = [7.4, 16];
const POINT_RADIUS = 8;

const boxAt = (x: number, y: number, { label }: Spot): Box => ({
  left: x,
  right: x + label.length * LETTER_WIDTH,
  top: y - LINE_HEIGHT * 0.8,
  bottom: y + LINE_HEIGHT * 0.2,
});

const around = ({ x, y }: Spot): Box => ({
  ...{ left: x - POINT_RADIUS, right: x + POINT_RADIUS },
  ...{ top: y - POINT_RADIUS, bottom: y + POINT_RADIUS },
});

const overlap = (a: Box, b: Box) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const inside = (a: Box, frame: Box) =>
  a.left >= frame.left && a.right <= frame.right && a.top >= frame.top && a.bottom <= frame.bottom;

/** Above, below, left, then further up and down: the line to p95 goes to the right. */
function candidates(spot: Spot): readonly Box[] {
  const width = spot.label.length * LETTER_WIDTH;
  const centred = spot.x - width / 2;
  const rows = [-12, 24, -28, 40, -44, 56];
  return [
    ...rows.slice(0, 2).map((dy) => boxAt(centred, spot.y + dy, spot)),
    boxAt(spot.x - width - 12, spot.y + 5, spot),
    ...rows.flatMap((dy) => [spot.x - width, spot.x].map((x) => boxAt(x, spot.y + dy, spot))),
  ];
}

/**
 * Start and baseline of every label: of several places near its point the first that is free and inside `frame`;
 * where none is, the first inside it.
 */
export function placeLabels(spots: readonly Spot[], frame: Box): readonly { x: number; y: number }[] {
  const taken = spots.map(around);
  return spots.map((spot) => {
    const possible = candidates(spot);
    const within = possible.filter((box) => inside(box, frame));
    const box =
      within.find((one) => !taken.some((other) => overlap(one, other))) ?? within[0] ?? possible[0]!;
    taken.push(box);
    return { x: box.left, y: box.top + LINE_HEIGHT * 0.8 };
  });
}
