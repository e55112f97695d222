//! Variants that nobody picked, the same ones in each run.

/// Marsaglia's xorshift64.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// 0 to `end - 1`.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn shuffle<T>(&mut self, what: &mut [T]) {
        for end in (1..what.len()).rev() {
            let other = self.below(end + 1);
            what.swap(end, other);
        }
    }

    /// A certificate with a byte gone, put in or changed, and where that is.
    pub fn change(&mut self, blob: &[u8], round: usize) -> (Vec<u8>, usize) {
        // most of it is the PK token: look at what is around that, too
        let token = blob.windows(14).position(|name| name == b"openpubkey-pkt");
        let at = match round % 3 {
            0 => self.below(token.unwrap()),
            1 => blob.len() - 1 - self.below(300),
            _ => self.below(blob.len()),
        };
        let mut changed = blob.to_vec();
        match self.below(4) {
            0 => drop(changed.remove(at)),
            1 => changed.insert(at, b'x'),
            _ => changed[at] ^= 1 << self.below(8),
        }
        (changed, at)
    }

    /// These lines as a file, begun and ended in one of the ways that editors have.
    pub fn file(&mut self, lines: &[&str]) -> String {
        let end = *self.pick(&["\n", "\n", "\r\n", "\n\n", " \r\n"]);
        let start = *self.pick(&["", "", "\u{feff}"]);
        let last = *self.pick(&["", end]);
        [start, &lines.join(end), last].concat()
    }
}
