using System.Net.Sockets;
using Vae.Cli;
using Vae.Data;
using Vae.Data.Safetensors;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Torch;

namespace Vae.Tests.Unit.Cli;

public class FaultTests
{
    [Fact]
    public void Exit_codes_are_a_contract() => Assert.Equal(
        [(0, "Ok"), (1, "Failed"), (2, "Usage"), (3, "InvalidInput"), (4, "Authentication"), (5, "NotReachable"), (6, "SomeTrialsFailed"), (130, "Interrupted")],
        Enum.GetValues<ExitCode>().Select(code => ((int)code, code.ToString())));

    [Fact]
    public void Every_mistake_of_a_user_has_its_exit_code_and_keeps_its_text()
    {
        (Exception Fault, ExitCode Code)[] cases =
        [
            (new DatasetException("images.gz: expected a file."), ExitCode.InvalidInput),
            (new SafetensorsException("model.safetensors", "encoder.0.weight", "it is missing"), ExitCode.InvalidInput),
            (new HandshakeException(HandshakeRule.WrongToken, "another token"), ExitCode.Authentication),
            (new HandshakeException(HandshakeRule.WrongCluster, "another cluster"), ExitCode.Authentication),
            (new HandshakeException(HandshakeRule.NotOurProtocol, "a web server"), ExitCode.NotReachable),
            (new HandshakeException(HandshakeRule.HungUp, "it hung up"), ExitCode.NotReachable),
            (new HandshakeException(HandshakeRule.WrongVersion, "an older version"), ExitCode.Failed),
            (new ListenException("port 7431 is in use", new SocketException((int)SocketError.AddressAlreadyInUse)), ExitCode.Failed),
            (new UserFitException("no coordinator there", new SocketException((int)SocketError.ConnectionRefused)), ExitCode.NotReachable),
            (new UserFitException("the home folder is in use"), ExitCode.Failed),
            (new StoreException(StoreFault.Damaged, "the store is damaged"), ExitCode.Failed),
            (new TorchUnavailableException("install libtorch"), ExitCode.Failed),
            (new TorchException("out of memory"), ExitCode.Failed),
            (new UnauthorizedAccessException("no"), ExitCode.Failed),
            (new IOException("torn"), ExitCode.Failed),
            (new AggregateException(new DatasetException("images.gz: expected a file.")), ExitCode.InvalidInput),
        ];

        Assert.All(cases, item =>
        {
            var told = Faults.Explain(item.Fault);
            Assert.Equal(item.Code, told?.Code);
            Assert.Contains((item.Fault as AggregateException)?.InnerException!.Message ?? item.Fault.Message, told!.Message);
        });
    }

    [Fact]
    public void A_full_disk_is_told_with_what_to_do()
    {
        var told = Faults.Explain(new IOException("No space left on device", 28));

        Assert.Equal(ExitCode.Failed, told?.Code);
        Assert.Contains("disk is full", told!.Help);
    }

    [Fact]
    public void A_defect_of_the_program_is_not_dressed_up_as_a_mistake_of_the_user() => Assert.Null(Faults.Explain(new NullReferenceException()));
}
