"""What programs share that run a program of somebody else: how they are called."""


def parse_with_command(parser, arguments, whose):
    """The options of `parser`, with what is behind `--` as their `command`; `whose` it is, in words for a person."""
    own, command = arguments, []
    if '--' in arguments:
        at = arguments.index('--')
        own, command = arguments[:at], arguments[at + 1:]
    options = parser.parse_args(own)
    if not command:
        parser.error('the command of %s is missing: put it behind --' % whose)
    options.command = command
    return options
