using System.Buffers.Binary;
using Vae.Tests.Processes.Support;

namespace Vae.Tests.Processes.Cli;

public class DataPlaceTests
{
    [Fact]
    public async Task Commands_find_the_data_of_a_sweep_file_in_another_folder_wherever_they_are_typed()
    {
        using var home = new TemporaryHome();
        Directory.CreateDirectory(home.File("data"));
        Directory.CreateDirectory(home.File("sweeps-of-mine"));
        WriteImages(home.File("data/images.idx"));
        WriteLabels(home.File("data/labels.idx"));
        var file = home.Write("sweeps-of-mine/sweep.yaml", """
            version: 1
            name: placed
            dataset: { source: idx, images: ../data/images.idx, labels: ../data/labels.idx, binarize: fixed }
            model: { encoder: [8], latent: 2 }
            training: { epochs: 1, batch: 16 }
            resources: { max_pack: 1, lanes: 1, threads: 1 }
            """);

        (await RunningProgram.RunVaeAsync("sweep", "run", file, "--workers", "1", "--threads", "1", "--home", home.Path)).Expect(0); // From the folder of the tests.

        (await RunningProgram.RunVaeAsync("model", "evaluate", "best:last", "--metrics", "bound,knn", "--home", home.Path)).Expect(0);
        (await RunningProgram.RunVaeAsync("model", "traverse", "best:last", "--out", home.File("t.png"), "--home", home.Path)).Expect(0);
        (await RunningProgram.RunVaeAsync("model", "compress", "best:last", "--out", home.File("x.vaez"), "--home", home.Path)).Expect(0);
    }

    private static void WriteImages(string path)
    {
        var bytes = new byte[16 + (80 * 64)];
        BinaryPrimitives.WriteInt32BigEndian(bytes, 0x803);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), 80);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), 8);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(12), 8);
        for (var i = 16; i < bytes.Length; i++) bytes[i] = i * i % 7 < 3 ? byte.MaxValue : (byte)0;
        File.WriteAllBytes(path, bytes);
    }

    private static void WriteLabels(string path)
    {
        var bytes = new byte[8 + 80];
        BinaryPrimitives.WriteInt32BigEndian(bytes, 0x801);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(4), 80);
        for (var row = 0; row < 80; row++) bytes[8 + row] = (byte)(row % 3);
        File.WriteAllBytes(path, bytes);
    }
}
