"""`make bench`: ratios of things run side by side on this machine, each the median of several runs."""

from statistics import median

from bench import alerts, deciding, desk, figures, imports, pages, publishing, purchases, receiving, sending

RUNS = 5


def main() -> None:
    for name, measure in (
        ("import", imports.measure),
        ("purchases", purchases.measure),
        ("deciding", deciding.measure),
        ("desk", desk.measure),
        ("survey page", pages.measure),
        ("figures", figures.measure),
        ("publish", publishing.measure),
        ("sending", sending.measure),
        ("receiving", receiving.measure),
        ("alerts", alerts.measure),
    ):
        print(f"{name}", flush=True)
        for line, ratios in measure(RUNS).items():
            low, high = min(ratios), max(ratios)
            print(f"  {line}: {median(ratios):.2f} × (from {low:.2f} to {high:.2f}, {len(ratios)} runs)", flush=True)


if __name__ == "__main__":
    main()
