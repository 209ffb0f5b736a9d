using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Vae.Tests.Processes.Cli;

/// <summary>What a run of the program left behind.</summary>
internal sealed record Ran(int Code, string Output, string Error)
{
    /// <summary>Shown when an assertion fails, so that the reason is in the test's log.</summary>
    public override string ToString() => $"exit code {Code}\n--- stdout\n{Output}\n--- stderr\n{Error}";

    /// <summary>Checks the exit code and that no stack trace was shown.</summary>
    public Ran Expect(int code)
    {
        Assert.True(Code == code, $"expected exit code {code}: {this}");
        Assert.DoesNotContain("   at Vae.", Error);
        return this;
    }
}

/// <summary>The real executable, as `./vae` starts it, with a home folder of its own.</summary>
internal sealed partial class VaeProgram : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);
    private static readonly string Configuration = AppContext.BaseDirectory.Contains("/Release/", StringComparison.Ordinal) ? "Release" : "Debug";

    private readonly string _folder = Directory.CreateTempSubdirectory("vae-cli-").FullName;

    public static string Root { get; } = FindRoot();

    public static string BinFolder { get; } = Path.Combine(Root, "src", "Cli", "bin", Configuration, "net10.0");

    public string Home => Path.Combine(_folder, "home");

    public string PathTo(string name) => Path.Combine(_folder, name);

    /// <summary>Writes a file beside the home folder and returns its path.</summary>
    public string Write(string name, string text)
    {
        File.WriteAllText(PathTo(name), text);
        return PathTo(name);
    }

    /// <summary>A token file as a user would have it, readable for nobody else.</summary>
    public string WriteToken(string name, string text)
    {
        var path = Write(name, text);
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    /// <summary>A sweep of two small trials on small images: done in about a second.</summary>
    public string WriteTinySweep(int epochs = 2, string more = "") => Write("tiny.yaml", $$"""
        version: 1
        name: tiny
        dataset: { source: sprites, count: 400, size: 16 }
        model: { encoder: [32], latent: 3 }
        training: { epochs: {{epochs}}, batch: 64 }
        search: { parameters: { training.beta: { values: [1, 4] } } }
        {{more}}
        """);

    public Ran Run(params string[] arguments) => Finish(Start(arguments));

    public Ran RunFrom(string folder, params string[] arguments) => Finish(Start(Path.Combine(folder, "vae"), arguments));

    public Running Start(params string[] arguments) => Start(Path.Combine(BinFolder, "vae"), arguments);

    private Running Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, [.. arguments, "--home", Home])
        {
            WorkingDirectory = _folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Remove("VAE_HOME");
        start.Environment.Remove("VAE_TOKEN_FILE");
        return new Running(Process.Start(start)!);
    }

    private static Ran Finish(Running running)
    {
        using (running) return running.Wait();
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string FindRoot()
    {
        for (var folder = AppContext.BaseDirectory; folder is not null; folder = Path.GetDirectoryName(folder))
        {
            if (File.Exists(Path.Combine(folder, "Vae.Distributed.sln"))) return folder;
        }

        throw new DirectoryNotFoundException($"No Vae.Distributed.sln above {AppContext.BaseDirectory}.");
    }

    /// <summary>The program while it runs. Killed, with its workers, when the test lets go of it.</summary>
    internal sealed partial class Running : IDisposable
    {
        private readonly Process _process;
        private readonly Task<string> _output;
        private readonly List<string> _errors = [];
        private readonly Task _reading;

        public Running(Process process)
        {
            _process = process;
            _process.StandardInput.Close();
            _output = process.StandardOutput.ReadToEndAsync();
            _reading = Task.Run(async () =>
            {
                while (await process.StandardError.ReadLineAsync() is { } line)
                {
                    lock (_errors) _errors.Add(line);
                }
            });
        }

        public int Id => _process.Id;

        private string Error
        {
            get { lock (_errors) return string.Join('\n', _errors); }
        }

        /// <summary>Waits until standard error has a line with this text.</summary>
        public void WaitFor(string text)
        {
            Eventually($"'{text}' on standard error", () => Error.Contains(text, StringComparison.Ordinal) || _process.HasExited);
            Assert.Contains(text, Error);
        }

        /// <summary>Polls until something holds.</summary>
        public void Eventually(string what, Func<bool> holds)
        {
            var startedAt = Stopwatch.GetTimestamp();
            while (!holds())
            {
                Assert.True(Stopwatch.GetElapsedTime(startedAt) < Patience, $"{what} did not come:\n{Error}");
                Thread.Sleep(20);
            }
        }

        public void Signal(PosixSignal signal) => Assert.Equal(0, Kill(_process.Id, signal == PosixSignal.SIGINT ? 2 : 15));

        public Ran Wait()
        {
            Assert.True(_process.WaitForExit(Patience), $"It did not end:\n{Error}");
            _reading.Wait();
            return new Ran(_process.ExitCode, _output.Result, Error);
        }

        public void Dispose()
        {
            if (!_process.HasExited) _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
            _process.Dispose();
        }

        [LibraryImport("libc", EntryPoint = "kill")]
        private static partial int Kill(int process, int signal);
    }
}
