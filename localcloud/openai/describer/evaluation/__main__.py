"""Print how well the describer names pictures: ``python -m localcloud.openai.describer.evaluation``.

Exits with 1 if a noun is wrong in any variant of a picture, or if a comparison of two pictures fails.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from statistics import mean, median

from localcloud.openai.describer.describer import Describer
from localcloud.openai.describer.evaluation.expectations import EXPECTATIONS, redrawn
from localcloud.openai.describer.evaluation.scoring import Drift, Order, Score, drifts, orders, score
from localcloud.openai.describer.nets import Nets


def main() -> int:
    """Score all pictures and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--briefs", action="store_true", help="print title, caption and music of every picture too")
    arguments = parser.parse_args()
    describer = Describer(Nets())
    scores = [score(describer, expectation) for expectation in EXPECTATIONS]
    _print_scores(scores)
    if arguments.briefs:
        _print_briefs(scores)
    compared = orders({one.expectation.name: one for one in scores})
    _print_orders(compared)
    changed = [drift for one in scores for drift in drifts(describer, one)]
    _print_drifts(changed)
    others = [score(describer, expectation) for expectation in redrawn()]
    _print_summary(scores, others, compared, changed)
    wrong = any(one.verdict == "wrong" for one in (*scores, *others, *(drift.changed for drift in changed)))
    return int(wrong or not all(order.holds for order in compared))


def _print_scores(scores: Sequence[Score]) -> None:
    print(f"{'picture':20} {'said (light only)':26} {'verdict':7} {'mood':4} valence energy {'ms':>4}")
    for one in scores:
        mark = "*" if one.expectation.held_out else " "
        brief = one.brief
        print(
            f"{one.expectation.name + mark:20} {one.said:26} {one.verdict:7} {'ok' if one.mood_fits else 'off':4}"
            f" {brief['valence']:+7.2f} {brief['energy']:6.2f} {one.ms:4.0f}"
        )
    print("* held out: what was said of it led to no change of the describer\n")


def _print_briefs(scores: Sequence[Score]) -> None:
    for one in scores:
        brief = one.brief
        music = f"{brief['genre']}, {brief['tempoBpm']} BPM, {brief['key']}, {', '.join(brief['moods'])}"
        print(f"{one.expectation.name}: {brief['title']}\n  {brief['caption']}\n  {brief['altText']}\n  {music}")
        print(f"  {', '.join(brief['instruments'])}\n  {brief['prompt']}\n")


def _print_orders(compared: Sequence[Order]) -> None:
    for order in compared:
        low, high = (f"{one.expectation.name} {one.brief[order.measure]:+.2f}" for one in (order.lower, order.higher))
        print(f"{'ok ' if order.holds else 'NO '} {order.measure:7} {low} < {high}")
    print()


def _print_drifts(changed: Sequence[Drift]) -> None:
    print(f"{'variant':9} {'same':>5} {'other':>6} {'wrong':>6} {'valence moves, mean':>20} {'most':>5}")
    by_variant = sorted(changed, key=lambda drift: drift.variant)
    for variant, group in groupby(by_variant, key=lambda drift: drift.variant):
        members = list(group)
        same = sum(drift.noun_kept for drift in members)
        wrong = sum(drift.changed.verdict == "wrong" for drift in members)
        moves = [drift.valence for drift in members]
        print(f"{variant:9} {same:5} {len(members) - same:6} {wrong:6} {mean(moves):20.2f} {max(moves):5.2f}")
    for drift in changed:
        if drift.changed.verdict == "wrong":
            print(f"  wrong: {drift.plain.expectation.name}, {drift.variant}: {drift.changed.said}")
    print()


def _print_summary(
    scores: Sequence[Score], others: Sequence[Score], compared: Sequence[Order], changed: Sequence[Drift]
) -> None:
    for label, group in (
        ("all", scores),
        ("held out", [one for one in scores if one.expectation.held_out]),
        ("scenes drawn from held-out seeds", others),
    ):
        verdicts = Counter(one.verdict for one in group)
        print(
            f"{label}: {len(group)} pictures, {verdicts['right']} right, {verdicts['vague']} vague,"
            f" {verdicts['wrong']} wrong; mood on the right side {sum(one.mood_fits for one in group)}"
        )
    print(f"orders: {sum(order.holds for order in compared)} of {len(compared)} hold")
    wrong = sum(drift.changed.verdict == "wrong" for drift in changed)
    print(f"variants: {len(changed)}, wrong {wrong}; titles: {len({one.brief['title'] for one in scores})} different")
    print(f"time of one description: median {median(one.ms for one in scores):.0f} ms")


if __name__ == "__main__":
    sys.exit(main())
