// The bytes of files, as texts where they are texts.

/** The bytes at an address. */
export async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** A function that reads a text, made of one that reads bytes. */
export function textOf(read) {
  return async (address) => new TextDecoder().decode(await read(address));
}
