/* What the checksums use of ISA-L, bit by bit, for a machine that has none (aarch64.sh). */
#ifndef KERNEL_PLAIN_ISA_L_CRC_H
#define KERNEL_PLAIN_ISA_L_CRC_H

static inline unsigned int crc32_iscsi(unsigned char *data, int size, unsigned int crc) {
    for (int i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

#endif
