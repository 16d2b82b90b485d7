//! Tables for people, also those of `nnc`.

/// Aligned columns under a ruled head: the first `left` of them to the left, the others to the right. The
/// last row is ruled off, too.
pub fn table<const N: usize>(rows: &[[String; N]], left: usize) -> String {
    let widths: [usize; N] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let rule = "-".repeat(widths.iter().sum::<usize>() + 2 * (N - 1));
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index == 1 || index + 1 == rows.len() {
            text.push_str(&format!("{rule}\n"));
        }
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column < left { format!("{cell:width$}") } else { format!("{cell:>width$}") }
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let row = |word: &str, count: &str| [word.to_owned(), count.to_owned()];
        let rows = [row("word", "n"), row("conv3", ""), row("total", "12,345")];
        let expected = "\
word        n
-------------
conv3
-------------
total  12,345
";
        assert_eq!(table(&rows, 1), expected);
    }
}
