// Arrays from app/viewer/packing.py: the length of a header, the header as JSON, then the arrays, aligned.

const KINDS = { float32: Float32Array, uint32: Uint32Array, uint8: Uint8Array, int8: Int8Array };
const RETRY_MS = 400;

export function unpackArrays(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const arrays = {};
  for (const [name, [kind, offset, size]] of Object.entries(header.arrays)) {
    arrays[name] = new KINDS[kind](buffer, 4 + length + offset, size);
  }
  return { facts: header.facts, arrays };
}

// What lies at an address of this server; asked for twice, as a rerun may just be replacing it.
export async function fetchArrays(address, signal) {
  for (const isLast of [false, true]) {
    const answer = await fetch(address, { signal });
    if (answer.ok) return unpackArrays(await answer.arrayBuffer());
    if (isLast) throw new Error(`The server answered ${answer.status}.`);
    await new Promise((done) => setTimeout(done, RETRY_MS));
  }
}
