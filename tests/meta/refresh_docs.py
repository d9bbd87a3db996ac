"""Write into the pages what their console commands print now: `python -m tests.meta.refresh_docs`.

Output that a page shortens with a `...` line is left alone as long as it still agrees. Read the
difference before committing it: this command believes the program, a reader believes the page.
"""

from tests.meta.house import name
from tests.meta.pages import agrees, commands, pages, printed_by


def refreshed(text: str) -> str:
    """Return the page with the output of every command as it is printed now."""
    lines = text.splitlines()
    for command in reversed(commands(text)):
        if not command.runs:
            continue
        printed = printed_by(command)
        if not agrees(list(command.output), printed):
            end = command.output_start + len(command.output)
            lines[command.output_start : end] = printed
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rewrite each page whose output has changed."""
    for page in pages():
        before = page.read_text("utf-8")
        after = refreshed(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"refreshed {name(page)}")


if __name__ == "__main__":
    main()
