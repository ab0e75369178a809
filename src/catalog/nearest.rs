//! "Did you mean": the nearest of some words, and only when it is near.

/// The candidate with the smallest edit distance to `word`, where that is small for its length; ties go to the first.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    const LONGEST: usize = 100;
    let word: Vec<char> = word.chars().take(LONGEST + 1).collect();
    if word.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(distance, candidate)| *distance <= near(word.len().max(candidate.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn near(length: usize) -> usize {
    match length {
        0..=3 => 1,
        4..=11 => 2,
        longer => longer / 4,
    }
}

/// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours.
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    let mut left_before = None;
    for (row, l) in left.iter().enumerate() {
        let mut line = Vec::with_capacity(above.len());
        let mut last = row + 1;
        line.push(last);
        let mut right_before = None;
        for (column, r) in right.iter().enumerate() {
            let diagonal = above.get(column).copied().unwrap_or(usize::MAX - 1) + usize::from(l != r);
            let up = above.get(column + 1).copied().unwrap_or(usize::MAX - 1) + 1;
            let mut best = diagonal.min(up).min(last + 1);
            if left_before == Some(r) && right_before == Some(l) {
                let swapped = column.checked_sub(1).and_then(|column| before.get(column)).copied();
                best = best.min(swapped.map_or(usize::MAX, |distance| distance + 1));
            }
            line.push(best);
            last = best;
            right_before = Some(r);
        }
        before = std::mem::replace(&mut above, line);
        left_before = Some(l);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_meant() {
        let names = ["stripe_create_charge", "stripe_create_refund", "github_delete_repository"];
        let meant = |word| nearest(word, names);
        assert_eq!(meant("stripe_creat_refund"), Some("stripe_create_refund"));
        assert_eq!(meant("stripe_craete_refund"), Some("stripe_create_refund"));
        assert_eq!(meant("github_delete_repo"), Some("github_delete_repository"));
        assert_eq!(meant("slack_post_message"), None);
        assert_eq!(meant(""), None);
        assert_eq!(meant(&"x".repeat(100_000)), None);
    }

    #[test]
    fn a_swap_of_neighbours_is_one_edit() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        assert_eq!(distance(&chars("amuont"), &chars("amount")), 1);
        assert_eq!(distance(&chars("amout"), &chars("amount")), 1);
        assert_eq!(distance(&chars("amount"), &chars("amount")), 0);
        assert_eq!(distance(&chars(""), &chars("abc")), 3);
    }
}
