using Spectre.Console;
using Vae.Shared.Messages;

namespace Vae.Cli.Terminal;

/// <summary>For a terminal: one table that redraws itself on standard error and is gone when the sweep ends, so that the result stands alone.</summary>
internal sealed class LiveSweepDisplay : ISweepDisplay
{
    private readonly Output _output;
    private readonly SweepProgress _progress;
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task _drawing;
    private volatile string _notice = "";
    private LiveDisplayContext? _context;

    public LiveSweepDisplay(Output output, SweepProgress progress)
    {
        (_output, _progress) = (output, progress);
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            Interactive = InteractionSupport.Yes,
            ColorSystem = output.Mode.ColorOn ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Out = new AnsiConsoleOutput(output.Notes),
        });
        output.NoteSink = text => _notice = text; // Any thread may have something to say; only Tick draws.
        _drawing = console.Live(progress.Draw()).AutoClear(true).StartAsync(async context =>
        {
            _context = context;
            await _closed.Task;
        });
    }

    public void Show(ObserverMessage message, IReadOnlyList<ProgressLine> lines)
    {
        foreach (var line in lines)
        {
            if (line.Trial is null) _notice = line.Text;
        }
    }

    public void Tick()
    {
        _progress.Notice = _notice;
        _context?.UpdateTarget(_progress.Draw());
    }

    public async ValueTask DisposeAsync()
    {
        _output.NoteSink = null;
        _closed.TrySetResult();
        await _drawing;
    }
}
