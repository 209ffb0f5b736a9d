using System.Diagnostics;
using System.Runtime.InteropServices;
using Xunit.Sdk;

namespace Vae.Tests.Processes.Support;

/// <summary>What a program left behind.</summary>
/// <param name="Code">Its exit code.</param>
/// <param name="Output">Its standard output.</param>
/// <param name="Error">Its standard error.</param>
internal sealed record Ending(int Code, string Output, string Error)
{
    public IReadOnlyList<string> Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Fails with all that was said unless the program ended with <paramref name="code"/>.</summary>
    public Ending Expect(int code) => Code == code ? this : throw new XunitException($"exit code {Code} instead of {code}\n--- stdout\n{Output}\n--- stderr\n{Error}");

    /// <summary>Fails when a user would see a stack trace.</summary>
    public Ending ExpectNoTrace()
    {
        Assert.DoesNotContain("   at ", Error, StringComparison.Ordinal);
        Assert.DoesNotContain("Unhandled", Error, StringComparison.Ordinal);
        return this;
    }
}

/// <summary>One process of a test: its output is kept while it runs, it can be sent signals, and it never outlives the test.</summary>
internal sealed partial class RunningProgram : IDisposable
{
    public const int Interrupt = 2, Kill = 9, Terminate = 15, Continue = 18, Stop = 19;

    private readonly Process _process;
    private readonly List<string> _output = [];
    private readonly List<string> _error = [];

    private RunningProgram(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Keep(_output, line.Data);
        process.ErrorDataReceived += (_, line) => Keep(_error, line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
    }

    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    public IReadOnlyList<string> Output => Copy(_output);

    public string Error => string.Join('\n', Copy(_error));

    /// <summary>Starts `vae`, away from whatever the caller's environment says about it.</summary>
    public static RunningProgram Vae(params string[] arguments) => Start(Checkout.Program, arguments);

    /// <summary>Starts any program.</summary>
    public static RunningProgram Start(string program, params string[] arguments) => Start(program, arguments, environment: null);

    /// <summary>Starts any program.</summary>
    /// <param name="program">Its path, or a name on the search path.</param>
    /// <param name="arguments">What it is told.</param>
    /// <param name="environment">Variables beside the test's own; null for none.</param>
    public static RunningProgram Start(string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var variable in (string[])["VAE_HOME", "VAE_TOKEN_FILE"]) start.Environment.Remove(variable);
        foreach (var (name, value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return new RunningProgram(Process.Start(start)!);
    }

    /// <summary>Runs `vae` to its end.</summary>
    public static async Task<Ending> RunVaeAsync(params string[] arguments)
    {
        using var program = Vae(arguments);
        return await program.EndAsync();
    }

    /// <summary>Waits for the end.</summary>
    public async Task<Ending> EndAsync()
    {
        using var patience = new CancellationTokenSource(Poll.Deadline);
        try
        {
            await _process.WaitForExitAsync(patience.Token); // Also waits for the last lines.
        }
        catch (OperationCanceledException)
        {
            throw new XunitException($"{_process.StartInfo.FileName} {string.Join(' ', _process.StartInfo.ArgumentList)} has not ended within {Poll.Deadline.TotalSeconds:F0} s. {Evidence()}");
        }

        return new(_process.ExitCode, string.Concat(Output.Select(line => line + "\n")), Error);
    }

    /// <summary>Waits for a line on standard output.</summary>
    public async Task<string> LineAsync(string what, Func<string, bool> isIt)
    {
        string? found = null;
        await Poll.UntilAsync(what, () =>
        {
            var ended = HasEnded;
            found = Output.FirstOrDefault(isIt);
            return found is not null || (ended ? throw new XunitException($"{what}: the program ended before. {Evidence()}") : false);
        }, Evidence);
        return found!;
    }

    public void Send(int signal) => Send(Id, signal);

    /// <summary>Sends a signal to any process.</summary>
    public static void Send(int process, int signal) => Assert.True(SendSignal(process, signal) == 0, $"process {process} took no signal {signal}: errno {Marshal.GetLastPInvokeError()}");

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process.Dispose();
    }

    public string Evidence() => $"\n--- stdout\n{string.Join('\n', Output.TakeLast(20))}\n--- stderr\n{string.Join('\n', Copy(_error).TakeLast(20))}";

    private static void Keep(List<string> lines, string? line)
    {
        if (line is null) return;
        lock (lines) lines.Add(line);
    }

    private static List<string> Copy(List<string> lines)
    {
        lock (lines) return [.. lines];
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
