"""All commands put together, and the one place that turns errors into a line and an exit code."""

import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ngcore import __version__
from ngcore.allocator import keep_freed_memory
from ngcore.cli import (
    benchmark,
    calibrate,
    check,
    compare,
    data,
    edit,
    embed,
    evaluate,
    graph,
    maps,
    models,
    predict,
    results,
    seeds,
    study,
    train,
    weights,
    zoo,
)
from ngcore.cli.app import become_server, server_arguments
from ngcore.cli.exits import BROKEN_PIPE, FAILED, INTERRUPTED, silence_stdout
from ngcore.cli.options import example
from ngcore.cli.output import say, say_error, say_failure
from ngcore.errors import NeuralGraphError

UsageError: Any = typer.BadParameter.__bases__[0]


class Commands(TyperGroup):
    """The group of all commands."""

    def main(self, *args: Any, **options: Any) -> NoReturn:
        """Read the command line and run it; a mistake in it becomes the usage and one line on stderr."""
        try:
            code = super().main(*args, **{**options, "standalone_mode": False})
        except UsageError as error:
            code = _show_usage_error(error)
        except typer.Abort:
            code = FAILED
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; what went wrong becomes one line on stderr."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("Stopped.")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            silence_stdout()
            raise typer.Exit(BROKEN_PIPE) from None
        except (NeuralGraphError, OSError) as error:
            say_failure(error)
        raise typer.Exit(FAILED)


def _show_usage_error(error: Any) -> int:
    """Print what is wrong with a command line and return its exit code; nothing is wrong where the help was shown."""
    if not (message := error.format_message()):
        return 0
    if error.ctx is not None:
        say(error.ctx.get_usage())
        say(f"Try '{error.ctx.command_path} --help'.")
    say_error(message)
    return int(error.exit_code)


program = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=example("app --open", "predict mnist-inrs/060000", "evaluate --all"),
)
program.add_typer(data.commands, name="data")
program.add_typer(zoo.commands, name="zoo")
for _module in (
    train,
    evaluate,
    calibrate,
    results,
    seeds,
    study,
    models,
    predict,
    edit,
    embed,
    maps,
    graph,
    weights,
    check,
    compare,
    benchmark,
):
    _module.register(program)


def _print_version(is_asked: bool) -> bool:
    if is_asked:
        typer.echo(f"ngcore {__version__}")
        raise typer.Exit
    return is_asked


@program.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version.")
    ] = False,
) -> None:
    """Networks that read networks: build zoos, train models on them, predict, edit and map."""
    keep_freed_memory()


@program.command(epilog=example("app --open", "app --port 8600", "app --public --allowed-host nets.example"))
def app(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port.", show_default="first free from 8501")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Accept connections from other machines, with stricter limits.")
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Also answer to this host name; may be repeated. With --public, answer to no other.",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option("--open", help="Open the app in the browser.")] = False,
) -> None:
    """Serve the app on this machine."""
    become_server(
        server_arguments(host=host, port=port, public=public, allowed_hosts=allowed_host or (), browser=browser)
    )
