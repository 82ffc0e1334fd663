/** The slot of a cluster that a key is in: CRC16 (XMODEM) of the key, or of what stands in its first braces, mod 16,384. */
export function keySlot(key: string): number {
  const open = key.indexOf("{");
  const end = key.indexOf("}", open + 1);
  let crc = 0;
  for (const byte of Buffer.from(open >= 0 && end > open + 1 ? key.slice(open + 1, end) : key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return crc % 16_384;
}
