using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;

namespace Vae.Tests.Processes.Cli;

/// <summary>What a user can get wrong: each has its text and its exit code, and never a stack trace.</summary>
public sealed class MistakeTests : IDisposable
{
    private readonly VaeProgram _vae = new();

    public void Dispose() => _vae.Dispose();

    [Theory]
    [InlineData("swep")]
    [InlineData("sweep", "run")]
    [InlineData("sweep", "run", "x.yaml", "--workers", "0")]
    [InlineData("sweep", "run", "x.yaml", "--workers", "many")]
    [InlineData("train", "--set", "beta")]
    [InlineData("worker", "--coordinator", "nowhere")]
    [InlineData("sweep", "list", "--cluster", "ftp://127.0.0.1")]
    public void A_wrong_command_line_is_a_usage_error(params string[] arguments)
    {
        var ran = _vae.Run(arguments).Expect(2);

        Assert.Contains("error:", ran.Error);
        Assert.Equal("", ran.Output);
    }

    [Fact]
    public void Validate_shows_every_error_with_place_line_caret_and_suggestion()
    {
        var file = _vae.Write("bad.yaml", "version: 1\nname: bad\ndataset: { source: sprites }\ntrainig: { epochs: 2 }\nmodel: { latent: many }\n");

        var ran = _vae.Run("sweep", "validate", file).Expect(3);

        Assert.Contains($"{file}:4:1", ran.Error);
        Assert.Contains("did you mean `training`?", ran.Error);
        Assert.Contains($"{file}:5:18", ran.Error);
        Assert.Contains("^^^^", ran.Error);
        Assert.Contains("2 errors", ran.Error);
    }

    [Fact]
    public void Validate_tells_the_same_to_programs_as_json()
    {
        var file = _vae.Write("bad.yaml", "version: 1\nname: bad\ndataset: { source: sprites }\ntrainig: { epochs: 2 }\n");

        var ran = _vae.Run("sweep", "validate", file, "--json").Expect(3);

        using var json = JsonDocument.Parse(ran.Output);
        Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
        Assert.Equal("", ran.Error);
    }

    [Theory]
    [InlineData("sweep", "run")]
    [InlineData("sweep", "plan")]
    [InlineData("sweep", "validate")]
    [InlineData("train")]
    public void A_sweep_file_that_does_not_exist_is_invalid_input(params string[] command) =>
        Assert.Contains("There is no file nowhere.yaml", _vae.Run([.. command, "nowhere.yaml"]).Expect(3).Error);

    [Fact]
    public void A_missing_data_file_is_told_before_anything_starts()
    {
        var file = _vae.Write("idx.yaml", "version: 1\nname: idx\ndataset: { source: idx, images: nowhere.gz }\n");

        var ran = _vae.Run("sweep", "run", file).Expect(3);

        Assert.Contains("nowhere.gz", ran.Error);
        Assert.False(Directory.Exists(_vae.Home));
    }

    [Fact]
    public void A_damaged_data_file_is_told_with_the_place_of_the_damage()
    {
        File.WriteAllBytes(_vae.PathTo("torn.idx"), [0, 0, 8, 3, 0, 0, 0, 100, 0, 0, 0, 28, 0, 0, 0, 28, 1, 2, 3]);
        var file = _vae.Write("idx.yaml", "version: 1\nname: idx\ndataset: { source: idx, images: torn.idx }\n");

        Assert.Contains("torn.idx, byte ", _vae.Run("data", "info", _vae.PathTo("torn.idx")).Expect(3).Error);
        Assert.Contains("torn.idx, byte ", _vae.Run("sweep", "run", file).Expect(3).Error);
    }

    [Fact]
    public void Fewer_workers_than_a_trial_needs_are_refused_with_the_remedy()
    {
        var file = _vae.WriteTinySweep(more: "resources: { workers_per_pack: 3 }");

        Assert.Contains("--workers 3", _vae.Run("sweep", "run", file, "--workers", "2").Expect(3).Error);
    }

    [Fact]
    public void A_worker_without_a_token_is_not_let_in() =>
        Assert.Contains("token", _vae.Run("worker", "--coordinator", "127.0.0.1:1", "--token-file", _vae.PathTo("none")).Expect(4).Error);

    [Fact]
    public void A_worker_with_a_wrong_token_is_not_let_in()
    {
        using var coordinator = StartCoordinator(out var port, out var address);
        var wrong = _vae.WriteToken("wrong", Convert.ToHexString(RandomNumberGenerator.GetBytes(32)));

        Assert.Contains("token", _vae.Run("worker", "--coordinator", $"127.0.0.1:{port}", "--token-file", wrong, "--threads", "1").Expect(4).Error);
        Assert.Contains("token", _vae.Run("sweep", "list", "--cluster", address, "--token-file", wrong).Expect(4).Error);
    }

    [Fact]
    public void A_coordinator_that_is_not_there_cannot_be_reached()
    {
        var token = _vae.WriteToken("token", Convert.ToHexString(RandomNumberGenerator.GetBytes(32)));
        var port = FreePort();

        Assert.Contains($"127.0.0.1:{port}", _vae.Run("worker", "--coordinator", $"127.0.0.1:{port}", "--token-file", token, "--connect-within", "0").Expect(5).Error);
        Assert.Contains($"127.0.0.1:{port}", _vae.Run("sweep", "list", "--cluster", $"http://127.0.0.1:{port}", "--token-file", token).Expect(5).Error);
    }

    [Fact]
    public void A_busy_port_is_named()
    {
        using var busy = new TcpListener(IPAddress.Loopback, 0);
        busy.Start();
        var port = ((IPEndPoint)busy.LocalEndpoint).Port;

        Assert.Contains($"{port}", _vae.Run("coordinator", "--port", $"{port}", "--http-port", "0").Expect(1).Error);
        Assert.Contains($"{port}", _vae.Run("coordinator", "--port", "0", "--http-port", $"{port}").Expect(1).Error);
    }

    [Fact]
    public void Two_coordinators_do_not_share_a_home()
    {
        using var coordinator = StartCoordinator(out _, out _);

        Assert.Contains("in use", _vae.Run("coordinator", "--port", "0", "--http-port", "0").Expect(1).Error);
    }

    [Fact]
    public void Without_the_shim_the_program_says_what_to_install()
    {
        var bare = Directory.CreateDirectory(_vae.PathTo("bare")).FullName;
        foreach (var file in Directory.EnumerateFiles(VaeProgram.BinFolder).Where(file => Path.GetFileName(file) != "libvae_torch.so")) File.Copy(file, Path.Combine(bare, Path.GetFileName(file)));

        var doctor = _vae.RunFrom(bare, "doctor").Expect(1);
        Assert.Contains("FAIL  libtorch", doctor.Output);
        Assert.Contains("apt-get install", doctor.Output);
        _vae.RunFrom(bare, "sweep", "validate", _vae.WriteTinySweep()).Expect(0);
    }

    [Fact]
    public void When_no_worker_can_start_the_sweep_fails_with_the_reason_of_the_last()
    {
        var bare = Directory.CreateDirectory(_vae.PathTo("bare")).FullName;
        foreach (var file in Directory.EnumerateFiles(VaeProgram.BinFolder).Where(file => Path.GetFileName(file) != "libvae_torch.so")) File.Copy(file, Path.Combine(bare, Path.GetFileName(file)));
        foreach (var folder in Directory.EnumerateDirectories(VaeProgram.BinFolder, "runtimes")) CopyFolder(folder, Path.Combine(bare, "runtimes"));

        var ran = _vae.RunFrom(bare, "sweep", "run", _vae.WriteTinySweep()).Expect(1);

        Assert.Contains("worker-", ran.Error);
        Assert.Contains("apt-get install", ran.Error);
        Assert.Contains(Path.Combine(_vae.Home, "logs"), ran.Error);
    }

    [TmpfsFact]
    public void A_full_disk_is_told_with_what_to_do()
    {
        var folder = Directory.CreateDirectory(_vae.PathTo("small")).FullName;
        TmpfsFactAttribute.Mount(folder, "64k");
        try
        {
            var ran = _vae.Run("data", "make", "sprites", "--count", "1000", "--out", folder).Expect(1);

            Assert.Contains("disk is full", ran.Error);
            Assert.DoesNotContain(Directory.EnumerateFiles(folder), file => file.EndsWith("ubyte", StringComparison.Ordinal));
        }
        finally
        {
            TmpfsFactAttribute.Unmount(folder);
        }
    }

    private VaeProgram.Running StartCoordinator(out int port, out string address)
    {
        (port, var http) = (FreePort(), FreePort());
        address = $"http://127.0.0.1:{http}";
        var running = _vae.Start("coordinator", "--port", $"{port}", "--http-port", $"{http}", "--log-format", "text");
        var wanted = (int[])[port, http];
        running.Eventually("an open port", () => wanted.All(IsOpen));
        return running;
    }

    private static bool IsOpen(int port)
    {
        try
        {
            using var socket = new TcpClient();
            socket.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static void CopyFolder(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }
    }
}
