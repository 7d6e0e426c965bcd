//! Finds files that import each other in a circle.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::imports::{Import, Structure};
use super::problem::Problem;

type Graph<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// Returns one problem for each set of files that lie on circles with each other.
pub(super) fn check(structure: &Structure) -> Vec<Problem> {
    let mut graph = Graph::new();
    for Import { from, to, .. } in &structure.imports {
        graph.entry(from).or_default().insert(to);
    }
    let mut problems = Vec::new();
    let mut told = BTreeSet::new();
    for file in graph.keys().copied() {
        // A file lies on a circle with all files that it reaches and that reach it.
        let reached = shortest_paths(&graph, file);
        let files: BTreeSet<&str> = reached
            .keys()
            .copied()
            .filter(|other| shortest_paths(&graph, other).contains_key(file))
            .collect();
        if files.is_empty() || !told.insert(files.clone()) {
            continue;
        }
        let circles = files.iter().map(|start| circle(&graph, start));
        let shortest = circles.min_by_key(Vec::len).unwrap_or_default();
        let is_inside = |import: &&Import| {
            [&import.from, &import.to]
                .map(String::as_str)
                .iter()
                .all(|end| files.contains(end))
        };
        let mut imports: Vec<Import> = structure
            .imports
            .iter()
            .filter(is_inside)
            .cloned()
            .collect();
        imports.sort_by(|a, b| (&a.from, &a.to, a.line).cmp(&(&b.from, &b.to, b.line)));
        problems.push(Problem::Circle {
            files: files.into_iter().map(str::to_owned).collect(),
            shortest,
            imports,
        });
    }
    problems
}

/// Returns every file that a file reaches, with the file before it on a shortest path. The start is
/// among them only if it lies on a circle.
fn shortest_paths<'a>(graph: &Graph<'a>, start: &'a str) -> BTreeMap<&'a str, &'a str> {
    let mut before = BTreeMap::new();
    let mut waiting = VecDeque::from([start]);
    while let Some(file) = waiting.pop_front() {
        for next in graph.get(file).into_iter().flatten() {
            if !before.contains_key(next) {
                before.insert(*next, file);
                waiting.push_back(next);
            }
        }
    }
    before
}

/// Returns the shortest circle through a file. The file is the first and the last of it.
fn circle(graph: &Graph<'_>, start: &str) -> Vec<String> {
    let Some((start, _)) = graph.get_key_value(start) else {
        return Vec::new();
    };
    let before = shortest_paths(graph, start);
    let mut circle = vec![(*start).to_owned()];
    let mut file = *start;
    while let Some(next) = before.get(file) {
        circle.push((*next).to_owned());
        file = next;
        if file == *start {
            break;
        }
    }
    circle.reverse();
    circle
}
