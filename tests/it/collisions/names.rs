//! Names that collide in a hash without a seed: that of `rustc-hash` 2.1, which the server used
//! before for channels and users.
//!
//! The hash reads a name in blocks of 16 bytes. It combines each half of a block with a known
//! number by exclusive or, and multiplies the halves. So two blocks collide when their products are
//! equal, and a product of many small factors can be split in many ways. The blocks below are valid
//! UTF-8. A name is one block for each place, one after the other.

/// The blocks that collide at each place, as the two little-endian numbers that the hash
/// multiplies.
const BLOCKS: [[(u64, u64); 11]; 4] = [
    [
        (0x7dbd_c370_2f4f_4f24, 0x485e_7558_3d8f_d270),
        (0xa8e2_5e39_9c82_e66a, 0x3227_225a_5e5d_7bb0),
        (0x7733_7c43_5b53_3d26, 0x5ab2_c72e_4b6f_3430),
        (0xafe7_4662_7136_7052, 0x334f_5530_5b2f_7eb0),
        (0x7376_bfd7_5b7a_6536, 0x5652_4e23_407b_3a30),
        (0x79b3_c6b2_c954_5534, 0x462a_3a5f_a3d4_6870),
        (0xb3d1_99d7_34bb_d777, 0x2f34_3775_86c9_83c8),
        (0x7a7b_2f6f_5926_5a6f, 0x4463_a9da_503b_5278),
        (0xbbd3_293f_357d_5927, 0x2041_717b_4070_4f68),
        (0xa0d5_2b9a_d660_82c7, 0x3b20_5a95_dd74_7228),
        (0xb087_ea6f_5b2a_5a6f, 0x2a36_2993_d553_5278),
    ],
    [
        (0x573e_5074_7480_c944, 0x4dac_c83f_4743_81d0),
        (0x2d73_7c37_869a_e944, 0x5b29_5637_213c_81d0),
        (0x69a7_c26a_4177_4f44, 0x25b5_db9f_df3f_b9d0),
        (0x7587_dd45_5f43_4344, 0x3f27_619b_ca2b_bbd0),
        (0x2d7d_7878_4397_d344, 0x5b30_3e36_8ec6_9ad0),
        (0x41ae_db78_7d6b_7344, 0x648d_cf29_346b_3470),
        (0x762c_3c94_d151_7344, 0x395e_714f_523f_2a30),
        (0x4357_6b6f_7b72_7344, 0x6243_81cf_a7c3_5a20),
        (0x5637_9fdc_3e64_7344, 0x4239_7e64_2d43_3048),
        (0x7c2b_5842_7a7c_7344, 0x2b3c_2f8f_c6b5_cf78),
        (0x5448_4f4d_3578_7344, 0x7b41_ac83_e95e_742c),
    ],
    [
        (0x85a5_e54c_256c_aac8, 0x6d4f_6a39_8dd0_81d0),
        (0x5432_754d_6f42_7839, 0x2171_9ed9_6330_a9d0),
        (0x5e3f_565b_4b73_2539, 0x2f6c_6d6f_bed4_a9d0),
        (0x5e28_787c_565e_4f73, 0x2f58_a3c3_2840_a5d0),
        (0x5694_d173_62a9_d163, 0x203d_aecc_355e_b5d0),
        (0x5f2b_bedb_563e_2e57, 0x2e42_2127_6c7a_5150),
        (0x512c_5955_5220_5357, 0x2c47_755b_3f30_2d50),
        (0x599c_bfe8_2d65_6057, 0x357e_81d4_323d_3950),
        (0x84c9_4164_224a_5777, 0x6825_5eb8_d73e_3d30),
        (0xb8ce_6844_6e40_5f77, 0x67a7_d7b9_d683_d730),
        (0x93cf_2ea4_d37e_2a77, 0x5e60_6435_7653_6a70),
    ],
    [
        (0x4271_6565_5498_d76c, 0x7029_606c_badf_a1d0),
        (0x8bcc_7366_6649_497c, 0x2f5b_2a61_7b32_a1d0),
        (0x7378_6c2d_293d_6a7b, 0x519d_c443_7a70_b9d0),
        (0x4b3e_5eb6_d922_3b5f, 0x4720_3f4b_2b53_a9d0),
        (0x4a54_948a_e577_3f73, 0x407e_414e_2f44_99d0),
        (0x80c5_42b5_df9c_d175, 0x234c_6362_405b_85d0),
        (0x87de_5c78_3135_5275, 0x2c2b_b3c5_6e7a_85d0),
        (0x4145_5c36_6654_2875, 0x71b3_c8bd_9be8_85d0),
        (0x4b45_296c_4e60_4969, 0x4629_2957_274e_a7d0),
        (0x4f31_5d65_2721_94c9, 0x483e_4e97_dd64_8fd0),
        (0x703d_a8d1_a0c8_4149, 0x5a58_384c_7a36_afd0),
    ],
];

/// The common end of all names.
const END: &str = "0123456789abcdef";

/// Returns this many names that collide in the hash.
pub(super) fn colliding(count: usize) -> Vec<String> {
    let names: Vec<_> = (0..count).map(name).collect();
    let hashes: std::collections::BTreeSet<_> =
        names.iter().map(|name| hash(name.as_bytes())).collect();
    assert_eq!(hashes.len(), 1);
    names
}

/// Returns this many names of the same length that do not collide.
pub(super) fn ordinary(count: usize) -> Vec<String> {
    (0..count)
        .map(|index| format!("{index:064}{END}"))
        .collect()
}

/// Returns this many connection ids that collide: the first half makes one factor zero, so the
/// other half does not matter.
pub(super) fn colliding_ids(count: usize) -> Vec<String> {
    let id = |index: u64| {
        let bytes = [SEED.0.to_le_bytes(), index.to_le_bytes()].concat();
        uuid::Uuid::from_slice(&bytes).unwrap().to_string()
    };
    (0..count as u64).map(id).collect()
}

fn name(index: usize) -> String {
    let mut rest = index;
    let mut bytes = Vec::new();
    for blocks in &BLOCKS {
        let (first, second) = blocks[rest % blocks.len()];
        rest /= blocks.len();
        bytes.extend(first.to_le_bytes());
        bytes.extend(second.to_le_bytes());
    }
    assert_eq!(rest, 0, "there are no more names");
    String::from_utf8(bytes).unwrap() + END
}

/// The start values of the hash: digits of pi.
const SEED: (u64, u64) = (0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344);
const MASK: u64 = 0xa409_3822_299f_31d0;

/// Returns the hash of more than 16 bytes.
fn hash(bytes: &[u8]) -> u64 {
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let (mut first, mut second) = SEED;
    for block in bytes[..bytes.len() - 1].chunks_exact(16) {
        let mixed = mix(first ^ number(&block[..8]), MASK ^ number(&block[8..]));
        (first, second) = (second, mixed);
    }
    let end = &bytes[bytes.len() - 16..];
    mix(first ^ number(&end[..8]), second ^ number(&end[8..])) ^ bytes.len() as u64
}

fn mix(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}
