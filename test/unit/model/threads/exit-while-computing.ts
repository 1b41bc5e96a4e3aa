/** A process that ends while its model computes, with status 7. */
import { openModel } from '../../../../src/model/runtime.ts';

const model = await openModel(undefined, { threads: 2 });
const text = 'winter garden '.repeat(120);
const query = await model.encodeQuery(text);
const [document] = await model.encodeDocuments([text]);
const window = Array.from({ length: 200 }, () => document!.states);
void Promise.allSettled([model.score(query, window), model.encodeDocuments([text, text, text])]);
setTimeout(() => process.exit(7), 10);
