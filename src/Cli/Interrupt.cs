using System.Runtime.InteropServices;
using Vae.Cli.Terminal;

namespace Vae.Cli;

/// <summary>Ctrl-C or SIGTERM once asks for a clean stop; a second time ends the process at once.</summary>
internal sealed class Interrupt : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly Output _output;
    private int _count;

    public Interrupt(Output output)
    {
        _output = output;
        _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, On), PosixSignalRegistration.Create(PosixSignal.SIGTERM, On)];
    }

    public CancellationToken Token => _source.Token;

    /// <summary>
    /// Ctrl-C reaches every process of a terminal. A worker that another process started leaves it to that one, which still has orders to give.
    /// </summary>
    public bool LeaveKeyboardToParent { get; set; }

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _source.Dispose();
    }

    private void On(PosixSignalContext context)
    {
        if (context.Signal == PosixSignal.SIGINT && LeaveKeyboardToParent)
        {
            context.Cancel = true;
            return;
        }

        if (Interlocked.Increment(ref _count) > 1) Environment.Exit((int)ExitCode.Interrupted);
        context.Cancel = true;
        if (_output.Mode.Interactive) _output.Note("stopping cleanly; once more to stop at once"); // Nobody presses a key twice in a log.
        _source.Cancel();
    }
}
