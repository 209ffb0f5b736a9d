using System.Text;
using Vae.Data;
using Vae.Data.Png;
using Vae.Models.Applications;
using Vae.Models.Evaluation;
using Vae.Models.Files;
using Vae.Models.Networks;
using Vae.Runtime.Blobs;
using Vae.Shared;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;

namespace Vae.Worker.Engine;

/// <summary>Writes what a finished trial leaves behind and hands it to the coordinator, file by file, each with its digest.</summary>
internal sealed class ArtifactMaker(BlobClient client)
{
    private const int SampleImages = 64;
    private const int ReconstructedImages = 20;

    public async Task<ValueList<ArtifactInfo>> UploadAsync(TrialId trial, Attempt attempt, IReadOnlyDictionary<ArtifactKind, byte[]> files, CancellationToken cancellation)
    {
        var stored = new List<ArtifactInfo>();
        foreach (var (kind, content) in files)
        {
            using var stream = new MemoryStream(content, writable: false);
            stored.Add(await client.PutArtifactAsync(new ArtifactKey(trial, attempt, kind), stream, cancellation));
        }

        return stored.ToValueList();
    }

    /// <summary>Makes all files of a trial in memory: they are as large as the model, which was there anyway.</summary>
    public static SortedDictionary<ArtifactKind, byte[]> Make(PackNetwork network, ModelConfig config, ImageSet images, RowRange heldOut)
    {
        var files = new SortedDictionary<ArtifactKind, byte[]>
        {
            [ArtifactKind.Model] = TrainedModel.ToBytes(network, 0, config),
            [ArtifactKind.Config] = Encoding.UTF8.GetBytes(config.Write()),
        };
        var pictures = new Pictures(GenerativeModel.Of(network, config.Trial.Model));
        var shown = Math.Min(ReconstructedImages, heldOut.Count);
        var inputs = Pictures.ToFloats(images.Pixels.Span.Slice(heldOut.First * images.RowBytes, shown * images.RowBytes));
        var labels = images.HasLabels ? ToNumbers(images.Labels.Span.Slice(heldOut.First, shown)) : [];
        files.Add(ArtifactKind.Samples, Bytes(stream => PngWriter.Write(stream, pictures.Samples(SampleImages, config.Trial.Training.Seed))));
        files.Add(ArtifactKind.Reconstructions, Bytes(stream => PngWriter.Write(stream, pictures.Reconstructions(inputs, labels))));
        return files;
    }

    private static int[] ToNumbers(ReadOnlySpan<byte> labels)
    {
        var numbers = new int[labels.Length];
        for (var i = 0; i < numbers.Length; i++) numbers[i] = labels[i];
        return numbers;
    }

    private static byte[] Bytes(Action<Stream> write)
    {
        using var buffer = new MemoryStream();
        write(buffer);
        return buffer.ToArray();
    }
}
