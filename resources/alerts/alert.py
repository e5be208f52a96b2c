"""What an alert says: what happened, the figure and its limit where there is one, what to do, and where to look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alert:
    """`title` in a few words; `details`, a line each; `fix`, what to do; `link` to where more is to be seen."""

    title: str
    details: tuple[str, ...] = ()
    fix: str = ""
    link: str = ""

    @property
    def text(self) -> str:
        """All of it, a line each."""
        lines = [self.title, *(f"- {line}" for line in self.details)]
        lines += [f"What to do: {self.fix}"] if self.fix else []
        lines += [self.link] if self.link else []
        return "\n".join(lines)
