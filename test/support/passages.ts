/** A small collection of our own: what a word match puts first and what answers the question differ. */
export const passages = [
  {
    id: 'move',
    title: 'Glacier flow',
    text: 'Under its own weight the ice of glaciers deforms and slides slowly downhill over the bedrock.',
  },
  {
    id: 'word',
    title: 'Moving house',
    text: 'How do people move? How do they move a piano? How do I move how I want to, and how do I pay?',
  },
  {
    id: 'bake',
    title: 'Sourdough',
    text: 'A starter of flour and water ferments for days before the bread is baked.',
  },
  {
    id: 'volt',
    title: 'Voltage',
    text: 'Voltage is the difference in electric potential between two points.',
  },
  {
    id: 'melt',
    title: 'Melting',
    text: 'Glaciers lose mass when melt exceeds snowfall; how fast depends on summer warmth.',
  },
  {
    id: 'cats',
    title: 'Cats',
    text: 'Cats sleep for most of the day, move without a sound and hunt at dusk.',
  },
] as const;

export const question = 'how do glaciers move';

/** A search that both engines answer with several passages, the word match first. */
export const search = { query: { multi_match: { query: question, fields: ['title', 'text'] } } };

export function bulkLines(index: string): string {
  return passages
    .map(
      ({ id, ...source }) =>
        `${JSON.stringify({ index: { _index: index, _id: id } })}\n${JSON.stringify(source)}\n`,
    )
    .join('');
}
